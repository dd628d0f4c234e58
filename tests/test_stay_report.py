"""The report and the tables of a stay: self-contained, honest about what was not seen, safe against names."""

from __future__ import annotations

import csv
import re
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from made_up_stay import BEGIN, HOUR, made_up, report

from npng_edge.policy.happening.dynamics import CHANNELS
from npng_edge.policy.happening.episode import Dynamics, Overlap, UnitDynamics
from npng_edge.policy.stays.compare import compare
from npng_edge.policy.stays.profile import Profile
from npng_edge.policy.stays.stay import Audit, Stay, doses, ratings
from npng_edge.report import times
from npng_edge.report.page import About
from npng_edge.report.stay import View, stay_report
from npng_edge.report.tables import ParquetMissingError, tables, write_tables
from npng_edge.settings import Policy

if TYPE_CHECKING:
    from pathlib import Path

ABOUT = About(datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc), "npng-edge 1.2.3", {})
NOW = made_up()
EARLIER = made_up(2.0, begin=BEGIN - 40 * 86400, name="stay-1", pain=1.5, seed=9)
EMPTY = Stay(Profile("PT-0001", "s", BEGIN), None, (), (), ())


def html(stay: Stay, **view: Any) -> str:
    return stay_report(stay, ABOUT, View(**view))


def words(page: str) -> str:
    """What a reader reads: the body without marks."""
    body = page[page.index("<main>") : page.index("</main>")]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


class Structure(HTMLParser):
    """Every element is closed, in the right order."""

    VOID = ("meta", "link", "img", "br", "rect", "circle", "path", "i")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_it_is_one_file_that_loads_nothing() -> None:
    page = report(NOW, EARLIER)
    structure = Structure()
    structure.feed(page)
    assert structure.open == []
    for _, attributes in structure.seen:
        assert not attributes.keys() & {"src", "href", "onclick"}
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "$" not in page[page.index("<main>") :]
    assert len(page) < 250_000


def test_it_says_what_a_ward_wants_to_know() -> None:
    text = words(report(NOW, EARLIER))
    for phrase in (
        "Stay of PT-0417",
        "9 Mar 2026, 18:20 to 12 Mar 2026, 18:20 (3 days) · bed st-mary/icu-2/bed-07 · times in KST",
        "The face was scored in 2 days",
        "minutes an hour",
        "The hardest time was",
        "Day by day",
        "Episodes of pain",
        "lower episodes are in the tables",
        "morphine 20 mg",
        "not answered, counts as given",
        "Before and after analgesics",
        "How much this patient shows",
        "Against an earlier stay",
        "What was asked of the device (8 requests, 2 refused)",
        "AU25 moved by 1.9",
        "It is no self-report, it is not validated in patients",
    ):
        assert phrase in text, phrase


def test_names_and_reasons_cannot_do_anything() -> None:
    hostile = "<script>alert(1)</script>&\"'"
    audit = (Audit(BEGIN, hostile, hostile, hostile, hostile, hostile, hostile),)
    profile = replace(NOW.profile, patient=hostile)
    page = html(replace(NOW, profile=profile, audit=audit), bed=hostile)
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    Structure().feed(page)


def test_what_was_not_seen_is_shown_as_not_seen() -> None:
    page = html(NOW)
    assert (
        re.search(r'<rect class="unseen"[^>]*><title>not known, Tue 03:20 to Tue 05:20', page) is None
    )  # by clock hour
    assert "not known, Tue 03:00 to Tue 05:00" in page  # nobody in view
    assert "not known, Tue 14:00 to Tue 18:00" in page  # switched off
    blind = replace(NOW, hours=tuple(replace(hour, histogram=(), minutes=(), scored_s=0.0) for hour in NOW.hours[:8]))
    text = words(html(blind))
    assert "Nothing could be scored: this says nothing about pain." in text
    assert "not known" in text
    assert not re.search(r"PSPI above baseline 0\.0", text)


def test_less_than_half_seen_is_said_first() -> None:
    text = words(html(replace(NOW, hours=NOW.hours[:20])))
    assert "Less than half of the stay was seen" in text


def test_a_stay_without_anything_is_a_report_too() -> None:
    text = words(html(EMPTY))
    assert "Nothing could be scored" in text
    assert "no proof that there was no pain" in text
    for absent in ("Day by day", "analgesics", "How much this patient shows", "Against", "asked of the device"):
        assert absent not in text
    assert re.search(r"18:20 to now \(|09:20 to now \(", text)


def test_two_people_are_not_compared_and_it_says_why() -> None:
    other = replace(EARLIER, profile=replace(EARLIER.profile, patient="PT-9999"))
    text = words(html(NOW, comparison=compare(NOW, other, Policy())))
    assert "Not compared. PT-0417 and PT-9999 are two people" in text


def test_a_long_stay_has_wider_columns() -> None:
    long = made_up(20.0)
    page = html(long)
    assert page.count('class="p95"') < 400
    assert "exceeded in a twentieth of the 3 hours" in words(page)


def test_dynamics_are_shown_as_research() -> None:
    unit = UnitDynamics("AU4", 2, 3.0, 1.25, 0.5, 4.0, None, None, ())
    units = tuple(replace(unit, unit=name) for name in CHANNELS)
    dynamics = Dynamics(60.0, 0.9, units, (Overlap("AU4", "AU7", 0.5), Overlap("AU4", "AU10", 0.7)), 0.9)
    measured = replace(NOW, episodes=tuple(replace(one, dynamics=dynamics) for one in NOW.episodes))
    text = words(html(measured))
    assert "for research only, never validated" in text
    assert "1.2 / 0.5" in text
    assert "2, not known" in text
    assert "60%" in text
    assert "never validated" not in words(html(NOW))


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.6, "1 min"), (130, "2 min 10 s"), (3600, "1 h"), (12_000, "3 h 20 min"), (100_800, "1 day 4 h")],
)
def test_durations_are_read_at_a_glance(seconds: float, shown: str) -> None:
    assert times.span(seconds) == shown


def test_midnights_are_those_of_the_ward() -> None:
    zone = timezone(timedelta(hours=9))
    found = list(times.midnights(BEGIN, BEGIN + 86_400, zone))
    assert [times.local(one, zone).strftime("%d %H:%M") for one in found] == ["09 00:00", "10 00:00"]


def test_ratings_and_doses_are_counted_once() -> None:
    assert len(ratings(NOW)) == 10
    found = doses(NOW)
    assert len(found) == 10
    assert [dose.state for dose in found].count("unanswered") == 1


def test_the_tables_hold_everything_and_unknown_is_empty(tmp_path: Path) -> None:
    assert {path.name for path in write_tables(NOW, tmp_path)} == {
        f"{name}.csv" for name in ("hours", "minutes", "episodes", "ratings", "doses", "audit")
    }

    def rows(name: str) -> list[dict[str, str]]:
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    hours = rows("hours")
    assert len(hours) == len(NOW.hours) == 68
    assert hours[0]["begin"] == "2026-03-09T09:20:00.000Z"
    assert float(hours[0]["median_pspi"]) == NOW.hours[0].median_pspi
    unseen = hours[18]
    assert (unseen["scored_s"], unseen["median_pspi"], unseen["p95_pspi"]) == ("0", "", "")
    assert float(unseen["unscored_no_face_s"]) == pytest.approx(3492)
    assert len(rows("episodes")) == len(NOW.episodes)
    assert rows("episodes")[0]["spo2_before"] == ""
    assert sum(float(row["pain_s"]) for row in rows("minutes")) == pytest.approx(sum(h.pain_s for h in NOW.hours))
    assert len(rows("ratings")) == len(rows("doses")) == 10
    assert float(rows("doses")[0]["after_30_mean_pspi"]) < float(rows("doses")[0]["before_60_mean_pspi"])
    assert rows("audit")[2]["reason"] == "not-quiet"


def test_a_spreadsheet_computes_nothing(tmp_path: Path) -> None:
    audit = (Audit(BEGIN, "rate", '=HYPERLINK("x")', "-1+1", "refused", None, "@x"),)
    write_tables(replace(EMPTY, audit=audit), tmp_path)
    line = (tmp_path / "audit.csv").read_text(encoding="utf-8").splitlines()[1]
    assert "'=HYPERLINK" in line
    assert ",'-1+1," in line
    assert line.endswith("'@x")


def test_parquet_has_the_same_rows_with_kinds(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for stay in (EMPTY, NOW):
        write_tables(stay, tmp_path, parquet=True)
        for table in tables(stay):
            read = parquet.read_table(tmp_path / f"{table.name}.parquet")
            assert read.column_names == [name for name, _ in table.columns]
            assert read.num_rows == len(table.rows)
    hours = parquet.read_table(tmp_path / "hours.parquet").to_pylist()
    assert hours[0]["begin"] == datetime.fromtimestamp(BEGIN, timezone.utc)
    assert hours[18]["median_pspi"] is None


def test_parquet_without_its_library_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ParquetMissingError, match=r"pip install 'npng-edge\[parquet\]'"):
        write_tables(NOW, tmp_path, parquet=True)
    assert list(tmp_path.iterdir()) == []


def test_a_stay_in_its_first_hour() -> None:
    young = Stay(replace(NOW.profile, ledger=()), None, NOW.hours[:1], (), ())
    text = words(html(young))
    assert "Stay of PT-0417" in text
    assert young.hours[0].end_utc - BEGIN < HOUR
