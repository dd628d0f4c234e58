"""The process that atheris drives: KIND INPUTS SEED FOLDER FAILURES MODULE; the module has `targets(folder)`."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import atheris

MAKER = sys.argv[-1]

with atheris.instrument_imports(include=["npng_edge", MAKER]):
    targets = import_module(MAKER).targets
    from proof.fuzzing.bytes import from_bytes, seeds, words
    from proof.fuzzing.judge import Judge, save

LONGEST = 8192
"""Bytes of one input."""


def main(kind: str, inputs: str, seed: str, folder: str, failures: str) -> None:
    """Try inputs until there were enough, or one fails."""
    logging.disable(logging.CRITICAL)
    working = Path(folder)
    judge, began = Judge(targets(working)[kind]), time.process_time()

    def end() -> None:
        judge.tally.seconds = time.process_time() - began
        (working / "tally.json").write_text(json.dumps(asdict(judge.tally)), encoding="utf-8")
        sys.stderr.flush()
        os._exit(judge.tally.failures)

    def try_one(data: bytes) -> None:
        given = from_bytes(kind, data)
        try:
            judge(given)
        except Exception:  # noqa: BLE001 - whatever it is: it is kept, and told by the other process
            save(Path(failures) / f"{kind}-guided.json", kind, given, judge.words)
            end()
        if judge.tally.inputs >= int(inputs):
            end()

    corpus = working / "corpus"
    corpus.mkdir()
    for number, one in enumerate(seeds(kind)):
        (corpus / f"{number:04}").write_bytes(one)
    (working / "words").write_text("\n".join(words(kind)), encoding="ascii")
    options = [
        f"-seed={seed}",
        f"-max_len={LONGEST}",
        f"-dict={working / 'words'}",
        "-timeout=600",
        f"-artifact_prefix={working}/",
        "-rss_limit_mb=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:-1])
