"""The part of the model card about real faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from training.datasets.table import table
from training.judge.faces import SMALL
from training.judge.figures import estimated, figure, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPENFACE = {
    "AU4": 0.84, "AU6": 0.90, "AU7": 0.79, "AU9": 0.99, "AU10": 0.78, "AU12": 0.97, "AU25": 0.98, "AU26": 0.95,
}  # fmt: skip
"""AUC of OpenFace 2 (Baltrusaitis et al., 2018), trained on real faces, on other material than ours: 627 apex frames of
posed expressions of about 120 people, 48 pixels wide, coded by FACS experts (the feasibility study that this work
started from). AU26 counts AU27 too, and is given after the person's own neutral was taken away; as seen it is 0.72."""
SHOWN = ("AU4", "AU6", "AU7", "AU9", "AU10", "AU12", "AU25")
"""Units in the tables of the clip."""


def tables(results: Mapping[str, Any]) -> list[str]:
    """Everything on real faces that an evaluation found, as Markdown."""
    parts = []
    if "frl" in results:
        parts += [_frl(results["frl"], results["frl_small"]), _groups(results["groups"])]
    if "expressions" in results:
        parts.append(_coded(results["coded"], results["coded_small"]))
        parts.append(_expressions(results["expressions"], results["expressions_small"]))
    if "clip" in results:
        parts.append(_clip(results["clip"]))
    return parts


def neutral(low: Mapping[str, Any]) -> str:
    """How far neutral faces stay from pain."""
    if not low["faces"]:
        return "none scored"
    shares = ", ".join(f"below {most} for {share(of)}" for most, of in low["shares"].items())
    return f"PSPI {shares} of {low['faces']}, median {low['median']:.2f}, nine in ten below {low['p90']:.2f}"


def _frl(frl: Mapping[str, Any], small: Mapping[str, Any]) -> str:
    rows = (
        (name, f"{read['faces']} of {read['pictures']}", estimated(read["auc"]["AU6"], 3),
         estimated(read["auc"]["AU12"], 3), share(read["own"]["higher"]["AU12"]), neutral(read["neutral"]))
        for name, read in (("as they are", frl), (f"{SMALL} pixels wide", small))
    )  # fmt: skip
    return (
        "## Real people, neutral and smiling (Face Research Lab London Set)\n\n"
        "AUC of smiling against neutral faces, of all people together; people whose smile reads higher in AU12\n"
        "than their own neutral face, which is how the device compares; neutral faces without a baseline.\n\n"
        + table(("faces", "scored", "AU6", "AU12", "above the own neutral face", "neutral faces"), list(rows))
    )


def _groups(found: Mapping[str, Any]) -> str:
    rows = (
        (row["trait"], row["group"], str(row["people"]), f"{row['median']:.2f}", f"{row['share']:.0%}",
         figure(row["auc"], 3), f"{row['own']:.0%}")
        for row in found["groups"]
    )  # fmt: skip
    least = 0.05 / max(len(found["tests"]), 1)
    chances = table(
        ("differs by", "what", "p", "beyond chance"),
        ((row["trait"], row["what"], f"{row['p']:.4f}", "yes" if row["p"] < least else "no") for row in found["tests"]),
    )
    return (
        "### By skin tone, ethnicity, age and sex\n\n"
        f"{found['people']} of these people, scored in both pictures. Skin tone is measured on the cheeks: the\n"
        "individual typology angle (Chardon et al., 1991), higher is lighter; the camera is not calibrated.\n\n"
        + table(
            (
                "trait",
                "group",
                "people",
                "median neutral PSPI",
                f"below {found['below']:g}",
                "AU12 smile against neutral",
                "above the own neutral face",
            ),
            rows,
        )
        + f"\n\nHow often people dealt out to the groups at random differ as much ({found['shuffles']} deals).\n"
        f"{len(found['tests'])} tests: beyond chance is p below {least:.4f} (Bonferroni). A group of few people can\n"
        "hide a difference.\n\n" + chances
    )


def _coded(found: Sequence[Mapping[str, Any]], small: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (row["unit"], f"{row['present']} / {row['absent']}", str(row["missing"]), estimated(row["auc"]),
         f"{poor['present']} / {poor['absent']}", str(poor["missing"]), estimated(poor["auc"]),
         figure(OPENFACE.get(row["unit"])))
        for row, poor in zip(found, small, strict=True)
    )  # fmt: skip
    return (
        "## Real people, units seen by an uncertified annotator\n\n"
        "An AI assistant, no FACS coder, judged sheets of these pictures by eye\n"
        "(`training/judge/real_units.csv`): present or absent, left empty in doubt. AU43 is the less closed eye.\n"
        "The last column is what OpenFace 2 reached on **other** faces, posed and coded by experts, 48 pixels\n"
        "wide: the sets differ, so it does not say who reads better.\n\n"
        + table(
            ("unit", "with / without it", "not scored", "AUC", f"with / without at {SMALL} pixels", "not scored",
             f"AUC at {SMALL} pixels", "OpenFace 2, other faces"), rows
        )
    )  # fmt: skip


def _expressions(found: Mapping[str, Any], small: Mapping[str, Any]) -> str:
    rows = (
        (row["unit"], row["expression"], ", ".join(row["against"]), estimated(row["auc"]), estimated(poor["auc"]))
        for row, poor in zip(found["prototypes"], small["prototypes"], strict=True)
    )
    return (
        "## Real people, expressions named by another annotator\n\n"
        f"{found['faces']} of {found['pictures']} pictures scored, {small['faces']} after faces were brought down to "
        f"{SMALL} pixels. The\nlabels are emotions, not units, and noisy: a unit stands for its prototype.\n\n"
        + table(("unit", "expression", "against", "AUC", f"AUC at {SMALL} pixels"), rows)
    )


def _clip(clip: Mapping[str, Any]) -> str:
    parts = ((row["part"], f"{row['start']:g}-{row['end']:g} s", *_means(row)) for row in clip["parts"])
    seconds = ((f"{row['second']}-{row['second'] + 1} s", *_means(row)) for row in clip["seconds"])
    head = ("frames scored", "PSPI", *SHOWN, "eyes closed")
    return (
        "## A real clip: distress, then a smile and a laugh\n\n"
        "Mean scores through the device's own pipeline, without a baseline. PSPI alone cannot tell a laugh from pain;\n"
        "AU4 and AU12 can.\n\n" + table(("part", "from-to", *head), parts) + "\n\n" + table(("from-to", *head), seconds)
    )


def _means(row: Mapping[str, Any]) -> tuple[str, ...]:
    units = (figure(row["units"][unit], 1) for unit in SHOWN)
    return (f"{row['scored']} of {row['frames']}", figure(row["pspi"], 1), *units, figure(row["eyes_closed"]))
