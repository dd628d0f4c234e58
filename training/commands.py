"""What the commands of training do alike: results on disk, models in place, and how they end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from npng_edge.infer.manifest import FILE_NAME, Manifest, open_model, refresh
from npng_edge.infer.runtime import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rich.progress import Progress

    from npng_edge.infer.manifest import Entry
    from npng_edge.infer.runtime import Model

console = Console()


def run(app: typer.Typer, expected: tuple[type[Exception], ...] = (ModelError,)) -> None:
    """Run a command; an error that can be expected is one line, not a traceback."""
    try:
        app()
    except expected as error:
        console.print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        raise SystemExit(1) from error


def keep(path: Path, results: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write results, for people to read as well."""
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def kept(path: Path) -> Any:
    """Results that `keep` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def rendered(folder: Path, command: str) -> list[Path]:
    """Files of rendered faces, in order.

    Args:
        folder: That they lie in.
        command: That makes them, after `python -m`.

    Raises:
        typer.BadParameter: If there are none.
    """
    found = sorted(folder.glob("??????.npz"))
    if not found:
        raise typer.BadParameter(f"{folder} is empty: run `python -m {command}` first")
    return found


def opened(models: Path, name: str) -> Model:
    """A model of a folder, on one thread."""
    return open_model(Manifest.load(models / FILE_NAME), name)


def write_card(models: Path, name: str, page: Callable[[dict[str, Any], Entry], str]) -> None:
    """Write a model's card from the results that lie beside it.

    Args:
        models: folder with the manifest.
        name: of the model.
        page: of the card, from results and the model's entry.
    """
    manifest = Manifest.load(models / FILE_NAME)
    entry = manifest.entry(name)
    file = manifest.path(entry)
    file.with_suffix(".md").write_text(page(kept(file.with_suffix(".json")), entry), encoding="utf-8")


def teller(progress: Progress, what: str, steps: int) -> Callable[[int, float], None]:
    """Show how far some teaching is; what is returned is told the steps done and the loss."""
    task = progress.add_task(what, total=steps)

    def tell(done: int, loss: float) -> None:
        progress.update(task, completed=done, description=f"{what}, loss {loss:.3f}")

    return tell


def put(models: Path, name: str, content: bytes) -> None:
    """Put a model into place, and say its new hash to the manifest and to whoever looks."""
    manifest = Manifest.load(models / FILE_NAME)
    manifest.path(manifest.entry(name)).write_bytes(content)
    entry = refresh(models / FILE_NAME, name)
    console.print(f"{models / entry.file}: {entry.size} bytes, SHA-256 {entry.sha256}")
