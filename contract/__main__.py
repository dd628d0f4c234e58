"""`python -m contract` writes the contract; `python -m contract release` keeps it as the next release as well."""

from __future__ import annotations

import sys

from contract.files import FOLDER, release, write


def main(argv: list[str]) -> int:
    """Write, and with `release` keep a copy to compare with from then on."""
    if argv not in ([], ["release"]):
        print("usage: python -m contract [release]", file=sys.stderr)
        return 2
    print(f"{write()} files written")
    if argv:
        print(f"kept as {release().relative_to(FOLDER.parent)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
