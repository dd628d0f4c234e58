"""The model card: what the action-unit model is, and what the last evaluation found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from npng_edge.infer.pipeline import MESH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from npng_edge.infer.manifest import Entry

TEMPLATE = Path(__file__).with_name("card.template.md")


def page(results: Mapping[str, Any], entry: Entry) -> str:
    """The card as Markdown.

    Args:
        results: of the last evaluation.
        entry: of the model in the manifest.
    """
    training, rendered = results["training"], results["rendered"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        file=entry.file,
        size=entry.size,
        sha256=entry.sha256,
        faces=f"{training['faces']:,}",
        people=f"{training['people']:,}",
        held_out=f"{training['held_out']:,}",
        held_people=rendered["people"],
        steps=training["steps"],
        batch=training["batch"],
        tables=tables(results),
    )


def tables(results: Mapping[str, Any]) -> str:
    """All figures of an evaluation as Markdown."""
    parts = [_rendered(results["rendered"], results["quantisation"])]
    if "frl" in results:
        parts.append(_frl(results["frl"], results["frl_small"]))
    if "expressions" in results:
        parts.append(_expressions(results["expressions"], results["expressions_small"]))
    if "clip" in results:
        parts.append(_clip(results["clip"]))
    parts.append(_speed(results["speed"]))
    return "\n\n".join(parts)


def _rendered(rendered: Mapping[str, Any], loss: Mapping[str, float]) -> str:
    rows = (
        (name, _two(row["pcc"]), _two(row["mae"]), _two(row["auc"]), f"{loss[name]:.3f}")
        for name, row in rendered["outputs"].items()
    )
    return (
        "## Rendered people the weights were not fitted to\n\n"
        f"{rendered['faces']} faces of {rendered['people']} people; calibration was done on the same people.\n"
        "PCC and mean absolute error against the true intensity, AUC of present (1 or more; an eye: half closed)\n"
        "against absent. The last column is what 8 bits cost: the mean absolute change of the output.\n\n"
        + _table(("output", "PCC", "error", "AUC", "8-bit change"), rows)
        + f"\n\nNeutral rendered faces: {_neutral(rendered['neutral'])}."
    )


def _frl(frl: Mapping[str, Any], small: Mapping[str, Any]) -> str:
    scores = ", ".join(f"{unit} {_two(value, 3)} ({_two(small['auc'][unit], 3)})" for unit, value in frl["auc"].items())
    return (
        "## Real people, neutral and smiling (Face Research Lab London Set)\n\n"
        f"{frl['faces']} pictures scored. AUC of smiling against neutral (faces brought down to 48 pixels): {scores}.\n"
        f"Neutral faces, without a baseline: {_neutral(frl['neutral'])}."
    )


def _expressions(found: Mapping[str, Any], small: Mapping[str, Any]) -> str:
    rows = (
        (row["unit"], row["expression"], ", ".join(row["against"]), _two(row["auc"]), _two(poor["auc"]))
        for row, poor in zip(found["prototypes"], small["prototypes"], strict=True)
    )
    return (
        "## Real people, expressions named by one annotator\n\n"
        f"{found['faces']} pictures scored, {small['faces']} after faces were brought down to 48 pixels. The labels\n"
        "are emotions, not units, and noisy: a unit stands for its prototype.\n\n"
        + _table(("unit", "expression", "against", "AUC", "AUC at 48 pixels"), rows)
    )


def _clip(clip: Mapping[str, Any]) -> str:
    shown = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU25")
    rows = (
        (
            row["part"], f"{row['start']:g}-{row['end']:g} s", f"{row['scored']} of {row['frames']}",
            _two(row["pspi"], 1),
            *(_two(row["units"][unit], 1) for unit in shown), _two(row["eyes_closed"]),
        )
        for row in clip["parts"]
    )  # fmt: skip
    return (
        "## A real clip: distress, then a smile and a laugh\n\n"
        "Mean scores through the device's own pipeline, without a baseline. PSPI alone cannot tell a laugh from pain;\n"
        "AU4 and AU12 can.\n\n" + _table(("part", "from-to", "frames scored", "PSPI", *shown, "eyes closed"), rows)
    )


def _speed(speed: Mapping[str, Any]) -> str:
    others = speed["others_us"]
    besides = ", ".join(f"{name} {took:.0f}" for name, took in others.items())
    share = (sum(others.values()) + speed["model_us"]) / others[MESH]
    return (
        "## Speed\n\n"
        f"One thread, {speed['processor']}: the model {speed['model_us']:.0f} microseconds per face, alignment and\n"
        f"normalisation {speed['prepare_us']:.0f}, all together {speed['whole_us']:.0f} (medians). What else looks at\n"
        f"every frame: {besides}. The sum of the models is {share:.2f} times the face mesh alone."
    )


def _neutral(low: Mapping[str, Any]) -> str:
    share, median, p90 = low["share_below_2"], low["median"], low["p90"]
    if share is None:
        return "none scored"
    return f"PSPI below 2 for {share:.0%} of {low['faces']}, median {median:.2f}, nine in ten below {p90:.2f}"


def _two(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
