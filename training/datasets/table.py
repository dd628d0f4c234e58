"""The evaluation of a set as Markdown: the table that papers print, the line of the majority class always in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAJORITY = "always the majority"
SPLITS = (("random", "random {items}"), ("loso", "one person left out"))
HEAD = (
    "what", "judged on", "n", "present", "accuracy", "precision", "recall", "F1", "AUC", "MAE", "PCC", "ICC(3,1)",
    "TN", "FP", "FN", "TP",
)  # fmt: skip


def page(results: Mapping[str, Any]) -> str:
    """Everything, as of `evaluate`.

    Args:
        results: Its figures, with `every` and `models`, the hashes of the models that read.
    """
    parts = [
        f"# {results['title']}\n\n{_about(results)}",
        "## What was read\n\n" + table(("", "number"), ((name, str(n)) for name, n in results["counts"].items())),
        "## Scores\n\n" + _scores(results),
        *_levels(results["targets"]),
        "## False alarms\n\n" + _alarms(results["look_alikes"]),
        "## Models\n\n" + table(("model", "SHA-256"), ((name, sha) for name, sha in results["models"].items())),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _about(results: Mapping[str, Any]) -> str:
    learnt = {
        "none": "Nothing was fitted to this set: the splits differ only in what is judged, a fifth or all.",
        "linear": "A line from score to truth was fitted to the training part of each split, and nothing else.",
    }[results["calibrate"]]
    frames = "Every frame was read." if results["every"] == 1 else f"One frame in {results['every']} was read."
    return (
        f"{results['subjects']} people. {frames} Scores of the device's own pipeline, without a baseline.\n{learnt}\n"
        f"A unit is present from intensity {results['present']:g}, PSPI and scales of sequences from 1; a score says\n"
        f"present from half a step below. Random split 64/16/20, seed {results['seed']}: frames of one person are on\n"
        "both sides of it, so its figures say little about new people."
    )


def _scores(results: Mapping[str, Any]) -> str:
    return table(HEAD, (row for target in results["targets"] for row in _rows(target)))


def _rows(target: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """Both splits, and below them the line of the majority class, of the split that judges more."""
    judged = [(words.format(items=target["items"]), target[split]) for split, words in SPLITS if target[split]]
    for words, one in judged:
        confusion = [str(n) for row in one["confusion"] for n in row] if "confusion" in one else ["-"] * 4
        figures = ("accuracy", "precision", "recall", "f1", "auc", "mae", "pcc", "icc")
        yield _row(target, words, one, (*(_figure(one.get(name)) for name in figures), *confusion))
    if judged:
        one = judged[-1][1]
        constant = (_figure(one["majority"]), "-", "-", "-", "0.500", _figure(one.get("mae_constant")), *["-"] * 6)
        yield _row(target, MAJORITY, one, constant)
    else:
        yield (target["name"], "too few to split", str(target["count"]), *["-"] * (len(HEAD) - 3))


def _row(target: Mapping[str, Any], words: str, one: Mapping[str, Any], figures: Iterable[str]) -> Sequence[str]:
    return (target["name"], words, str(one["count"]), f"{one['balance']:.1%}", *figures)


def _levels(targets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for target in targets:
        for split, words in SPLITS:
            levels = (target[split] or {}).get("levels")
            if levels:
                yield f"## Levels of {target['name']}, {words.format(items=target['items'])}\n\n{_level(levels)}"


def _level(levels: Mapping[str, Any]) -> str:
    names = levels["names"]
    rows = (
        (name, f"{levels['balance'][k]:.1%}", *(str(n) for n in levels["confusion"][k]),
         *(_figure(levels[figure][k]) for figure in ("precision", "recall", "f1")))
        for k, name in enumerate(names)
    )  # fmt: skip
    return (
        f"Accuracy {_figure(levels['accuracy'])}; always the most frequent level: {_figure(levels['majority'])}.\n\n"
        + table(("true", "share", *(f"said {name}" for name in names), "precision", "recall", "F1"), rows)
    )


def _alarms(calm: Mapping[str, Any]) -> str:
    if not calm["sequences"]:
        return f"None of the sequences read is without pain ({calm['words']})."
    rate = "-" if calm["alarms_per_hour"] is None else f"{calm['alarms_per_hour']:.2f}"
    share = "-" if calm["share_above"] is None else f"{calm['share_above']:.2%}"
    return (
        f"Sequences without pain: {calm['words']}.\n"
        f"{calm['sequences']} read, {calm['seconds'] / 3600:.3f} hours in all; pain alarms of the device as it is: "
        f"{calm['alarms']}, **a bed-hour: {rate}**.\n"
        f"At or above the threshold: {share} of {calm['scored']} scored frames. The longest sequence lasts\n"
        f"{calm['longest_s']:.0f} s: where that is less than the alarm's delay, only the share of frames says anything."
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{round(value, 3) + 0.0:.3f}"
