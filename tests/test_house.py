"""The house plan holds: imports go one way, no module outgrows its idea."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "npng_edge"
VOCABULARY = {"units", "settings", "wire", "requests", "vitals", "receipt", "latest", "stage", "__version__"}
MAY_IMPORT = {
    "policy": VOCABULARY,
    "capture": VOCABULARY,
    "infer": VOCABULARY,
    "indicate": VOCABULARY | {"policy"},
    "record": VOCABULARY | {"policy"},
    "publish": VOCABULARY | {"policy", "record"},
    "units": set(),
    "settings": set(),
    "wire": set(),
    "requests": {"wire"},
    "vitals": {"wire", "requests"},
    "receipt": {"wire", "requests"},
    "station": VOCABULARY | {"publish", "policy"},
    "latest": set(),
    "stage": set(),
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def rooms_imported(path: Path) -> set[str]:
    """The first names below the package that a module imports, within the package."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, *rest = node.module.split(".")
            if package == "npng_edge":
                rooms |= {rest[0]} if rest else {alias.name for alias in node.names}
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way_and_modules_stay_small(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room in MAY_IMPORT:
        assert rooms_imported(path) - MAY_IMPORT[room] - {room} == set()
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
