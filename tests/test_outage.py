"""When the broker counts as gone."""

from __future__ import annotations

from npng_edge.publish.outage import BRIEF_S, LOST_S, Outage


def test_a_broker_is_gone_after_a_while_with_the_newest_reason() -> None:
    outage = Outage(100.0)
    outage.judge(None, 100.0 + LOST_S)
    assert outage.lost is None
    outage.judge(None, 100.1 + LOST_S)
    assert outage.lost == "not connected"
    outage.judge("refused", 100.2 + LOST_S)
    assert outage.lost == "refused"


def test_a_connection_that_comes_soon_is_no_outage() -> None:
    outage = Outage(100.0)
    outage.change(99.0 + LOST_S, connected=True)
    outage.judge(None, 101.0 + LOST_S)
    assert outage.lost is None


def test_a_connection_that_took_the_place_of_another_and_broke_at_once_is_no_long_outage() -> None:
    outage = Outage(0.0)
    outage.change(1.0, connected=True)
    outage.change(100.0, connected=True)
    outage.change(101.0, connected=False)
    outage.judge(None, 99.0 + LOST_S)
    assert outage.lost is None
    outage.judge(None, 100.1 + LOST_S)
    assert outage.lost == "not connected"


def test_only_a_connection_that_lasts_ends_an_outage() -> None:
    outage = Outage(0.0)
    outage.judge(None, LOST_S + 1.0)
    for second in range(10, 50, 10):
        outage.change(float(second), connected=True)
        outage.judge(None, second + BRIEF_S)
        assert outage.lost == "not connected"
        outage.change(second + BRIEF_S, connected=False)
        outage.judge(None, second + BRIEF_S)
        assert outage.lost == "not connected"
    outage.change(60.0, connected=True)
    outage.judge(None, 60.1 + BRIEF_S)
    assert outage.lost is None
