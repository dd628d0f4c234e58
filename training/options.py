"""Options that the commands of training share, and what they are when nothing else is said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from npng_edge.infer.manifest import default_models_directory
from training.world import face_model

SHARED = face_model.DEFAULT_PATH.parent
WORK = Path("work/training")
HOME = default_models_directory()

Work = Annotated[Path, typer.Option(help="Folder for everything in between.")]
Models = Annotated[Path, typer.Option(help="Folder with manifest.yaml, where models and their cards go.")]
Face = Annotated[Path, typer.Option(help="The packed face model (`python -m training pack` makes it).")]
Real = Annotated[Path, typer.Option(help="Folder with real faces; see the docs.")]
Seed = Annotated[int, typer.Option(help="Of everything random.")]
