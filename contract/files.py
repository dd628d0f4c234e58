"""Every file of the contract and what must be in it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from contract.asyncapi import asyncapi
from contract.catalogue import catalogue
from contract.examples import examples
from contract.page import page
from contract.schema import json_schema

if TYPE_CHECKING:
    from npng_edge.wire import Message

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "docs" / "contract.html"
RELEASED = FOLDER / "released"
MADE = ("schemas", "golden")
"""Folders that hold nothing else."""


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as such, nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as yaml calls it
        return True


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def files() -> dict[Path, str]:
    """What `python -m contract` writes: path -> text."""
    entries, made = catalogue(), examples()
    document = asyncapi(entries)
    schemas = {entry.name: json_schema(entry) for entry in entries}
    header = "# Made by `make contract`; do not edit.\n"
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return {
        FOLDER / "asyncapi.yaml": header + text,
        **{FOLDER / "schemas" / f"{name}.json": _json(schema) for name, schema in schemas.items()},
        **{FOLDER / "golden" / f"{name}.json": _json(_content(message)) for name, message in made.items()},
        PAGE: page(entries, schemas, {name: _content(message) for name, message in made.items()}),
    }


def write() -> int:
    """Write all files and remove what does not belong there; returns how many there are."""
    made = files()
    for folder in MADE:
        for file in (FOLDER / folder).glob("*.json"):
            if file not in made:
                file.unlink()
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(made)


def last_release() -> Path | None:
    """The folder of the last release; None before the first."""
    return max(RELEASED.glob("[0-9]*"), key=lambda folder: int(folder.name), default=None)


def release() -> Path:
    """Keep a copy of the contract as it is now, as the next release; returns its folder."""
    last = last_release()
    folder = RELEASED / str(1 if last is None else int(last.name) + 1)
    shutil.copytree(FOLDER / "schemas", folder / "schemas")
    shutil.copy(FOLDER / "asyncapi.yaml", folder)
    return folder


def _content(message: Message) -> Any:
    return json.loads(message.payload())


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
