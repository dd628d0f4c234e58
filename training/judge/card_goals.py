"""What the project wants of the action units, and whether the last evaluation found it; and where it found it weak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from npng_edge.infer.pipeline import MESH
from npng_edge.policy.face.pspi import PSPI_UNITS
from training.datasets.table import table
from training.judge.card_real import OPENFACE
from training.judge.figures import figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EYES_CLOSED = 0.99
"""AUC of eyes closed against open."""
HEAVIEST = 1.6
"""Time of all models over that of the face mesh."""
WEAK_PCC = 0.6
"""Units with less on rendered people are named as weak."""
WORSE = 1.25
"""Groups with so many times the usual PSPI error are named."""


def goals(results: Mapping[str, Any]) -> str:
    """Each goal beside what was found, as Markdown; goals that the material at hand cannot check are left out."""
    rows = ((what, goal, found, "yes" if met else "**no**") for what, goal, found, met in _goals(results))
    return "## Goals of the project\n\n" + table(("what", "goal", "found", "met"), rows)


def _goals(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    rendered = results["rendered"]
    for unit in PSPI_UNITS:
        yield _at_least(f"rendered people: {unit}, PCC", 0.9, rendered["outputs"][unit]["pcc"]["value"])
    yield _at_least("rendered people: PSPI, PCC", 0.93, rendered["pspi"]["pcc"]["value"])
    yield _at_most("rendered people: PSPI, mean absolute error", 0.8, rendered["pspi"]["mae"]["value"])
    if "frl" in results:
        yield _at_least("London set: AU12, smiling against neutral, AUC", 0.98, results["frl"]["auc"]["AU12"]["value"])
        share = results["frl"]["neutral"]["shares"]["1.5"]["value"]
        yield _at_least("London set: neutral faces with PSPI below 1.5", 0.9, share)
        tests = results["groups"]["tests"]
        found = [f"{row['what']} by {row['trait']}" for row in tests if row["p"] < 0.05 / len(tests)]
        what = "London set: dependence on skin, ethnicity, age, sex"
        yield what, "none beyond chance", "; ".join(found) or "none", not found
    for row in results.get("coded_small", ()):
        goal = {**OPENFACE, "AU43": EYES_CLOSED}.get(row["unit"])
        if goal is not None:
            yield _at_least(f"other real faces, 48 pixels: {row['unit']}, AUC", goal, row["auc"]["value"])
    yield _at_most("all models, per picture, over the face mesh alone", HEAVIEST, load(results["speed"]))


def load(speed: Mapping[str, Any]) -> float:
    """All models' time per picture, as of `evaluate.measure`, over the face mesh's."""
    others = sum(took * speed["shares"][name] for name, took in speed["others_us"].items())
    return float((speed["model_us"] + others) / speed["others_us"][MESH])


def _at_least(what: str, goal: float, found: float | None) -> tuple[str, str, str, bool]:
    return what, f"at least {goal:.2f}", figure(found, 3), found is not None and found >= goal


def _at_most(what: str, goal: float, found: float) -> tuple[str, str, str, bool]:
    return what, f"at most {goal:.2f}", figure(found), found <= goal


def weak(results: Mapping[str, Any]) -> str:
    """Sentences on what rendered people show to be weak."""
    rendered = results["rendered"]
    units = [name for name, row in rendered["outputs"].items() if (row["pcc"]["value"] or 0.0) < WEAK_PCC]
    usual = rendered["pspi"]["mae"]["value"]
    groups = [f"{row['trait']}: {row['group']}" for row in rendered["groups"] if row["pspi_mae"] > WORSE * usual]
    return (
        f"Weak even on rendered people (PCC below {WEAK_PCC:g}): {', '.join(units) or 'no unit'}. Rendered faces whose "
        f"PSPI is off by\nmore than {WORSE:g} times the usual: {'; '.join(groups) or 'no group'}."
    )
