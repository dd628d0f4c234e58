"""The card of both pain models: what they are, and what the last evaluation found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from npng_edge.infer.pipeline import MESH, PAIN, PAIN_TEMPORAL
from training.datasets.table import table
from training.judge.figures import figure, percent
from training.pain.evaluation import BASELINE
from training.pain.heads import COMPONENTS, HIDDEN, NETS
from training.pain.judged import APART_S, LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from npng_edge.infer.manifest import Manifest

TEMPLATE = Path(__file__).with_name("card.template.md")


def page(results: Mapping[str, Any], manifest: Manifest) -> str:
    """The card as Markdown.

    Args:
        results: Of the last evaluation.
        manifest: With the models' entries.
    """
    training = results["training"]
    entries = [manifest.entry(name) for name in (PAIN, PAIN_TEMPORAL, BASELINE)]
    parts = training["parts"]
    return TEMPLATE.read_text(encoding="utf-8").format(
        files="\n".join(f"| `{one.file}` | {one.size:,} | `{one.sha256}` |" for one in entries),
        nets=NETS,
        hidden=HIDDEN,
        components=COMPONENTS,
        films=training["films"],
        pictures=f"{training['pictures']:,}",
        people=training["people"],
        fit_people=parts["fit"]["people"],
        choose_people=parts["choose"]["people"],
        test_people=parts["test"]["people"],
        test_films=parts["test"]["films"],
        limit=LIMIT,
        tables=tables(results),
    )


def tables(results: Mapping[str, Any]) -> str:
    """All figures of an evaluation as Markdown."""
    parts = [_films(results["training"]), _ways(results["training"]["ways"]), _kinds(results)]
    parts += [_strengths(results["temporal"]), _rates(results), *_real(results["real"]), _speed(results["speed"])]
    return "\n\n".join(parts)


def _films(training: Mapping[str, Any]) -> str:
    kinds = ", ".join(f"{name} {count}" for name, count in training["kinds"].items())
    lost = training["without_face"]
    return f"## Films\n\nBy what they are about: {kinds}. Pictures in which the mesh saw no face: {lost}."


def _ways(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ("split by", "way", "accuracy", "majority", "precision", "recall", "F1", "AUC")
    cells = (
        (
            row["split"],
            row["way"],
            *(figure(row[key], 3) for key in head[2:6]),
            figure(row["f1"], 3),
            figure(row["auc"], 3),
        )
        for row in rows
    )
    chosen = "; ".join(f"by {row['split']}: {_settings(row['chosen'])}" for row in rows if "chosen" in row)
    return (
        "## One picture: the origin's recipe and what is better\n\n"
        "64 parts of 100 to fit, 16 to choose and calibrate by, 20 to judge (here), at a probability of one half.\n"
        "Majority: the accuracy of always saying `no pain`. Split by random picture, as the origin did, the same\n"
        "person is on both sides; the lines split by people are those that say something about new people.\n\n"
        + table(head, cells)
        + f"\n\nWhat the random search preferred, {chosen}."
    )


def _settings(chosen: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in chosen.items())


def _kinds(results: Mapping[str, Any]) -> str:
    still, temporal = results["still"][PAIN], results["temporal"][-1]
    single = {row["kind"]: row for row in still["look_alikes"]}
    rows = (
        (row["kind"], str(row["pictures"]), figure(row["auc"], 3), percent(row["likely"], 0),
         *(_cells(single.get(row["kind"]))))
        for row in temporal["look_alikes"]
    )  # fmt: skip
    pains = (
        (row["kind"], str(row["pictures"]), figure(row["auc"], 3), percent(row["likely"], 0))
        for row in temporal["pains"]
    )
    return (
        "## Pain against each look-alike\n\n"
        f"Held-out people, five pictures a second. Taken for pain: probability {LIMIT} or more. Over all pictures the\n"
        f"last seconds have an AUC of {figure(temporal['auc'], 3)} (against look-alikes alone "
        f"{figure(temporal['auc_look_alikes'], 3)}, film by film {figure(temporal['auc_films'], 3)}, Brier score "
        f"{figure(temporal['brier'], 3)}),\none picture alone {figure(still['auc'], 3)} "
        f"({figure(still['auc_look_alikes'], 3)}; Brier score {figure(still['brier'], 3)}). The goal is 0.97.\n\n"
        + table(("look-alike", "pictures", "seconds: AUC", "taken for pain", "picture: AUC", "taken for pain"), rows)
        + "\n\n"
        + table(("pain", "pictures", "seconds: AUC against look-alikes", "taken for pain"), pains)
    )


def _cells(row: Mapping[str, Any] | None) -> tuple[str, str]:
    return (figure(row["auc"], 3), percent(row["likely"], 0)) if row else ("-", "-")


def _strengths(temporal: Sequence[Mapping[str, Any]]) -> str:
    rows = (
        (
            f"{row['from']:g} to {min(row['to'], 16.0):g}",
            str(row["pictures"]),
            figure(row["auc"], 3),
            percent(row["likely"], 0),
        )
        for row in temporal[-1]["strengths"]
    )
    return "## By strength of pain (true PSPI), the last seconds\n\n" + table(
        ("PSPI", "pictures", "AUC against look-alikes", "taken for pain"), rows
    )


def _rates(results: Mapping[str, Any]) -> str:
    def rows(found: Sequence[Mapping[str, Any]], films: str) -> Iterable[tuple[str, ...]]:
        for one in found:
            alarms, delay = one["alarms"], one["delay"]
            yield (
                films, f"{one['rate']:g}", figure(one["auc"], 3), figure(one["auc_look_alikes"], 3),
                f"{delay['noticed']} of {delay['pains']}", figure(delay["median_s"]), figure(delay["nine_of_ten_s"]),
                f"{alarms['count']} in {alarms['seconds'] / 60.0:.1f} min", figure(alarms["per_hour"], 0),
            )  # fmt: skip

    fast = results["fast"]
    head = (
        "films", "pictures a second", "AUC", "against look-alikes", "pains noticed", "median delay, s",
        "nine of ten, s", "false alarms", "per hour of look-alikes",
    )  # fmt: skip
    return (
        "## Rate of pictures, and false alarms, the last seconds\n\n"
        f"A false alarm: the probability reaches {LIMIT} in a film without pain, {APART_S:g} s or more after the last\n"
        "time. These hours hold nothing but look-alikes, one after the other; a patient's hour holds few. The model\n"
        f"raises no alarm by itself. The second group are {fast['films']} films of {fast['people']} of these people,\n"
        "rendered with 15 pictures a second.\n\n"
        + table(head, [*rows(results["temporal"], "all"), *rows(results["temporal_fast"], "15 a second")])
    )


def _real(real: Mapping[str, Any]) -> Iterable[str]:
    if "real_clip" in real:
        yield _real_clip(real["real_clip"])
    if real["stills"]:
        yield _stills(real["stills"])
    yield _clips(real["clips"])


def _real_clip(clip: Mapping[str, Any]) -> str:
    seconds = ((str(row["second"]), *_course(row)) for row in clip["seconds"])
    parts = ((f"{row['start']:g}-{row['end']:g} s", row["part"], *_course(row)) for row in clip["parts"])
    rates = (
        (f"{one['rate']:g}", row["part"], str(row["still"]["count"]), figure(row["still"]["mean"]),
         percent(row["still"]["likely"], 0), figure(row["temporal"]["mean"]), percent(row["temporal"]["likely"], 0))
        for one in clip["rates"]
        for row in one["parts"]
    )  # fmt: skip
    head = ("scored", "PSPI", "AU4", "AU12", "one picture", "last seconds")
    return (
        "## A real clip: distress with a hand before the face, relief, then a smile and a laugh\n\n"
        "Means through the device's own pipeline, at 24 pictures a second. Nothing was fitted to it; that it was\n"
        "looked at while the models were made makes it no independent test.\n\n"
        + table(("time", "part", *head), parts)
        + "\n\nSecond by second:\n\n"
        + table(("second", *head), seconds)
        + "\n\nAt other rates:\n\n"
        + table(
            ("pictures a second", "part", "scored", "one picture", "taken for pain", "last seconds", "taken for pain"),
            rates,
        )
    )


def _course(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"{row['scored']} of {row['pictures']}", *(figure(row[key], 1) for key in ("pspi", "AU4", "AU12")),
        figure(row["still"]["mean"]), figure(row["temporal"]["mean"]),
    )  # fmt: skip


def _stills(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = (
        (
            row["set"],
            row["expression"],
            str(row["count"]),
            figure(row["median"]),
            figure(row["high"]),
            percent(row["likely"], 0),
        )
        for row in rows
    )
    return (
        "## Real people, single pictures without pain, one picture\n\n"
        "Nobody in these pictures is known to be in pain; the labels are emotions, named by one annotator each.\n\n"
        + table(("set", "expression", "scored", "median", "nine of ten below", "taken for pain"), cells)
    )


def _clips(rows: Sequence[Mapping[str, Any]]) -> str:
    cells = (
        (row["clip"], part, str(found["scored"]), figure(found["still"]["mean"]), figure(found["temporal"]["mean"]),
         percent(found["still"]["likely"], 0), percent(found["temporal"]["likely"], 0))
        for row in rows
        for part in ("pain", "other")
        for found in [row[part]]
        if found["pictures"]
    )  # fmt: skip
    head = ("clip", "shows", "scored", "one picture", "last seconds", "one picture: taken for pain", "last seconds: so")
    return "## The synthetic patient's clips\n\n" + table(head, cells)


def _speed(speed: Mapping[str, Any]) -> str:
    rows = (
        (name, f"{one['bytes']:,}", f"{one['us']:.0f}", f"{one['bytes_8_bits']:,}", f"{one['us_8_bits']:.0f}",
         f"{one['change_8_bits']:.4f}", f"{one['largest_change_8_bits']:.4f}")
        for name, one in speed["models"].items()
    )  # fmt: skip
    mesh = speed["others_us"][MESH]
    both = speed["models"][PAIN]["us"] + speed["models"][PAIN_TEMPORAL]["us"]
    head = ("model", "bytes", "us a call", "bytes, 8 bits", "us, 8 bits", "mean change", "largest change")
    return (
        "## Speed, and what 8 bits would change\n\n"
        f"One thread, {speed['processor']}, medians. The model of one picture is called for each picture, that of the\n"
        f"last seconds five times a second at the most; both together cost {both / mesh:.3f} of the face mesh\n"
        f"({mesh:.0f} us) when both are called. In 8 bits (the layer that boils the features down):\n\n"
        + table(head, rows)
    )
