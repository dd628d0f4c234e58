"""The model card: what the action-unit model is, and what the last evaluation found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.datasets.table import table
from training.judge import card_goals, card_real
from training.judge.card_real import neutral
from training.judge.figures import estimated, figure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        shares=_shares(training["shares"]),
        weak=card_goals.weak(results),
        tables=tables(results),
    )


def tables(results: Mapping[str, Any]) -> str:
    """All figures of an evaluation as Markdown; what stands in brackets is a 95 % interval over people."""
    rendered = results["rendered"]
    parts = [
        card_goals.goals(results),
        _rendered(rendered, results["quantisation"]),
        _groups(rendered),
        _rest(rendered["rest"]),
    ]
    return "\n\n".join([*parts, *card_real.tables(results), _speed(results["speed"])])


def _shares(shares: Mapping[str, Sequence[float]]) -> str:
    """Which outputs have which shares of the learners, in words."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for name, parts in shares.items():
        alike.setdefault(tuple(parts), []).append(name)
    usual = max(alike, key=lambda parts: len(alike[parts]))
    rows = [f"{', '.join(names)}: {_percent(parts)}" for parts, names in alike.items() if parts != usual]
    return "; ".join([f"{_percent(usual)} per cent", *rows])


def _percent(parts: Sequence[float]) -> str:
    return ", ".join(f"{100 * part:.0f}" for part in parts)


def _rendered(rendered: Mapping[str, Any], loss: Mapping[str, float]) -> str:
    rows = [
        (name, estimated(row["pcc"]), estimated(row["mae"]), figure(row["icc"]), figure(row["auc"]),
         figure(row["sides_pcc"]), figure(row["doubt_pcc"]), f"{loss[name]:.3f}")
        for name, row in rendered["outputs"].items()
    ]  # fmt: skip
    pain = rendered["pspi"]
    rows.append(("PSPI", estimated(pain["pcc"]), estimated(pain["mae"]), figure(pain["icc"]), "-", "-", "-", "-"))
    return (
        "## Rendered people the weights were not fitted to\n\n"
        f"{rendered['faces']} faces of {rendered['people']} people; calibration was done on the same people.\n"
        "PCC, mean absolute error and ICC(3,1) against the true intensity, AUC of present (1 or more; an eye: half\n"
        "closed) against absent; in brackets, here and below, the 95 % interval when people are drawn anew. Sides:\n"
        "PCC of left less right, read against true. Doubt: PCC of the expected with the actual error; what expects\n"
        "it was fitted to these people. The last column is what 8 bits cost: the mean absolute change.\n\n"
        + table(("output", "PCC", "error", "ICC(3,1)", "AUC", "sides", "doubt", "8-bit change"), rows)
        + f"\n\nNeutral rendered faces: {neutral(rendered['neutral'])}."
    )


def _groups(rendered: Mapping[str, Any]) -> str:
    rows = (
        (row["trait"], row["group"], str(row["faces"]), figure(row["units_pcc"]), figure(row["pspi_pcc"]),
         figure(row["pspi_mae"]))
        for row in rendered["groups"]
    )  # fmt: skip
    return (
        "### By pose, light, skin, age, shape, things worn and size\n\n"
        "The same rendered faces. The first figure is the mean PCC of AU4, 6, 7, 9 and 10.\n\n"
        + table(("trait", "group", "faces", "PCC of units", "PSPI PCC", "PSPI error"), rows)
    )


def _rest(found: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (row["way"], str(row["faces"]), str(row["people"]), figure(row["units_pcc"]), figure(row["pspi_pcc"]),
         figure(row["pspi_mae"]))
        for row in found
    )  # fmt: skip
    return (
        "### With the person's own neutral face\n\n"
        "Faces that are not neutral, of rendered people with a neutral picture. The device takes the neutral\n"
        "face away; the maps (ridge regressions) were learnt from the other half of these people.\n\n"
        + table(("way", "faces", "people", "PCC of units", "PSPI PCC", "PSPI error"), rows)
    )


def _speed(speed: Mapping[str, Any]) -> str:
    shares = speed["shares"]
    each = {name: f"{name} {took:.0f}" for name, took in speed["others_us"].items()}
    every = ", ".join(text for name, text in each.items() if shares[name] == 1.0)
    seldom = ", ".join(
        f"{text} for one in {1.0 / shares[name]:.0f}" for name, text in each.items() if shares[name] < 1.0
    )
    return (
        "## Speed\n\n"
        f"One thread, {speed['processor']}, all of them in turn, medians: the model {speed['model_us']:.0f} "
        f"microseconds per face,\nalignment and normalisation {speed['prepare_us']:.0f}, all together "
        f"{speed['whole_us']:.0f}. What else looks at every picture:\n{every}. At {speed['pictures']:g} pictures a "
        f"second, less often: {seldom}.\n"
        f"The sum of the models, per picture, is {card_goals.load(speed):.2f} times the face mesh alone."
    )
