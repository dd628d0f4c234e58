"""`python -m proof faults KIND ...`: one module per kind of fault; without a kind, all of them at their full count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proof.commands import Command, dispatch

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = {
    "daemon": Command("proof.faults.daemon", "kill -9 the bed at random moments"),
    "broker": Command("proof.faults.broker", "kill, stop, restart, freeze the broker; delete its database"),
    "network": Command("proof.faults.network", "cut, stalled, slow, half-open and reset connections"),
    "disk": Command("proof.faults.disk", "full, read-only, failing and torn disks; damaged databases"),
    "security": Command("proof.faults.security", "wrong and revoked certificates, denials, quotas, broker refusals"),
    "clock": Command("proof.faults.clock", "the clock forward, back, not synchronised"),
    "outage": Command("proof.faults.outage", "72 hours without a broker, then drained"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one kind, or all; 1 when any of them lost something."""
    if arguments:
        return dispatch("python -m proof faults", KINDS, arguments)
    return max([dispatch("python -m proof faults", KINDS, [kind]) for kind in KINDS])
