"""The commands for encrypted clips: list what there is, look at one with the hospital's key."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console

from npng_edge import config
from npng_edge.cli_common import errors, fail
from npng_edge.settings import Settings

if TYPE_CHECKING:
    from npng_edge.record.clip_file import Picture

app = typer.Typer(no_args_is_help=True, help="List the encrypted clips of episodes, or look at one.")
console = Console(soft_wrap=True)


@app.command("list")
def list_clips(
    folder: Annotated[Optional[Path], typer.Argument(help="Folder with clips; default: that of the device.")] = None,
    config_file: Annotated[
        Optional[Path], typer.Option("--config", "-c", help="Configuration file (YAML) that names the device's folder.")
    ] = None,
) -> None:
    """List clips by what stands on them without the key; only opening a clip proves it."""
    from npng_edge.record.clip_file import ClipError, read_label
    from npng_edge.record.clips import FOLDER, SUFFIX

    try:
        settings = config.load(config_file) if config_file else Settings()
    except config.ConfigError as error:
        fail(f"the configuration cannot be used:\n{error}", 2)
    for path in sorted((folder or settings.storage.directory / FOLDER).glob(f"*{SUFFIX}")):
        try:
            label = read_label(path)
        except ClipError as error:
            errors.print(f"npng-edge: {error}", markup=False, highlight=False)
            continue
        header = label.header
        console.print(
            f"{path}: {header.patient}, {_time(header.begin_utc):%Y-%m-%d %H:%M:%S}, "
            f"{header.end_utc - header.begin_utc:.0f} s, {header.pictures} pictures, {label.size / 1000:.0f} kB, "
            f"stay {header.stay}{', erased' if label.erased else ''}",
            markup=False,
            highlight=False,
        )


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A clip, `*.npngclip`.")],
    key_file: Annotated[Path, typer.Option("--key", help="The hospital's key.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pictures; new or empty.")],
) -> None:
    """Decrypt a clip into pictures that everybody with the folder can look at."""
    from npng_edge.record.clip_file import ClipError, open_clip
    from npng_edge.record.keys import KeyFileError, read_key

    try:
        header, pictures = open_clip(file, read_key(key_file))
        _write(pictures, output)
    except (ClipError, KeyFileError) as error:
        fail(error)
    except OSError as error:
        fail(f"{error.filename or output}: {error.strerror}")
    console.print(
        f"{len(pictures)} pictures of {header.patient}, episode {header.episode_id}: {output}",
        markup=False,
        highlight=False,
    )
    errors.print(
        f"These pictures are not protected any more: whoever can read {output} sees the patient. "
        "Delete the folder when you have looked.",
        markup=False,
        highlight=False,
        style="bold",
    )


def _write(pictures: list[Picture], folder: Path) -> None:
    """Write pictures for the owner alone; never over or among other files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        fail(f"{folder} is not empty; name a new folder")
    for number, picture in enumerate(pictures):
        path = folder / f"{number:04d}-{_time(picture.utc):%Y%m%dT%H%M%S.%f}.jpg"
        path.touch(mode=0o600)
        path.write_bytes(picture.jpeg)


def _time(utc: float) -> datetime:
    return datetime.fromtimestamp(utc).astimezone()
