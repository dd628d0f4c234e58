"""What a start keeps of the run before, whenever it is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from npng_edge.bedside.keeping import DAY_S, Keeper, kept_since
from npng_edge.publish.stamp import Stamp, stored
from npng_edge.publish.topics import Topics
from npng_edge.record.outbox import Outbox
from npng_edge.settings import Place
from npng_edge.units import Alarm, AlarmKind, Moment, Presence, Priority

if TYPE_CHECKING:
    from pathlib import Path

TOPICS = Topics(Place(facility="f", unit="u", bed="b"))


def alarm(id_: str, condition: str) -> Alarm:
    return Alarm(id_, condition, AlarmKind.PHYSIOLOGICAL, Priority.HIGH, Presence.ON, 0.0, "seen")


def test_a_latched_alarm_is_still_present_when_the_next_start_is_killed_at_once(tmp_path: Path) -> None:
    going_on: set[str] = set()
    for run in ("first", "second", "third"):
        outbox = Outbox(tmp_path, boot_id=run, max_bytes=10**6)
        stamp = Stamp(TOPICS.place, run, clock_synchronised=lambda: True)
        if run == "first":
            parts = [stamp.alarm_part(alarm("latching", "pain-severe")), stamp.alarm_part(alarm("other", "pain"))]
            outbox.commit(present=stored(parts))
        left = outbox.present()
        ends, latched = stamp.left_by(left, same_patient=True)
        assert [end.alarm.alarm_id for end in ends] == ([] if run != "first" else ["other"])
        Keeper(outbox, TOPICS, stamp).ends(ends, {one.id: left[one.id] for one in latched})
        outbox.close()  # What is on the disk now is what a kill would leave.
        going_on = {one.id for one in latched}
    assert going_on == {"latching"}


def test_a_clock_that_jumps_ahead_makes_nothing_old_unless_a_time_server_sets_it() -> None:
    began = Moment(5.0, 1000 * DAY_S, None)
    assert kept_since(Moment(5.0 + DAY_S, 1001 * DAY_S, None), began, 30) == 971 * DAY_S
    assert kept_since(Moment(5.0 + DAY_S, 1101 * DAY_S, None), began, 30) == 971 * DAY_S
    assert kept_since(Moment(5.0 + DAY_S, 901 * DAY_S, None), began, 30) == 871 * DAY_S
    assert kept_since(Moment(5.0 + DAY_S, 1101 * DAY_S, True), began, 30) == 1071 * DAY_S
