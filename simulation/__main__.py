"""`python -m simulation NAME ...`: one study per module, each with a `main(argv)` of its own options (`--help`)."""

from __future__ import annotations

import sys
from importlib import import_module

STUDIES = {
    "baseline": "simulation.baseline",
    "day": "simulation.day",
    "fusion": "simulation.fusion",
    "look-alikes": "simulation.look_alikes",
    "personalisation": "simulation.personalisation",
}
"""Name -> module; imported only when it is asked for."""


def main(argv: list[str]) -> int:
    """Run the study that the first argument names; 2 and a list of names when there is none."""
    if not argv or argv[0] not in STUDIES:
        print(f"usage: python -m simulation {{{','.join(STUDIES)}}} [options]", file=sys.stderr)
        return 2
    import_module(STUDIES[argv[0]]).main(argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
