from __future__ import annotations

from datetime import datetime, timedelta, timezone

from npng_edge.bedside.commands import Answer, Commands
from npng_edge.policy.decisions import Outcome
from npng_edge.publish.events import Received
from npng_edge.publish.stamp import Stamp
from npng_edge.requests import Export

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=timezone.utc)


def export(number: int) -> Export:
    return Export(id=f"r{number}", who="nurse Kim", expires=NOW + timedelta(minutes=1), patient="P-0001")


def received(request: Export) -> Received:
    return Received("request/export", request.payload(), False, None, None)


def test_a_request_that_comes_twice_gets_its_answer_again_and_only_the_newest_bundle_is_held() -> None:
    commands = Commands(Stamp("a/b/c", "boot", clock_synchronised=lambda: None), utc_now=lambda: NOW)
    for number in (1, 2):
        assert commands.receive("export", received(export(number))) == export(number)
        commands.answer(Outcome("export", export(number), "done"), f"bundle {number}")
    again = commands.receive("export", received(export(2)))
    assert isinstance(again, Answer)
    assert (again.response.bundle, again.audit) == ("bundle 2", None)
    assert commands.receive("export", received(export(1))) == export(1)
