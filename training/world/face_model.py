"""The parametric face: ICT Face Model Light as arrays, and how to pack them from its OBJ files.

Source: USC Institute for Creative Technologies, github.com/ICT-VGL/ICT-FaceKit, MIT licence. Units are about one
centimetre, +x is the person's left, +y up, +z out of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]

DEFAULT_PATH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ict_facekit.npz"
"""Where the packed model lies when nothing else is said: beside the repository, in `shared/data`."""

KINDS = {
    "M_Face": 0, "M_BackHead": 1, "M_ScleraLeft": 2, "M_ScleraRight": 2, "M_Teeth": 3, "M_GumsTongue": 4,
}  # fmt: skip
"""Materials that are drawn, and the number the shader knows them by; the clear shells of the eyes are left out."""

LANDMARKS: tuple[int, ...] = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914,
    2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537,
    1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957,
    5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,
)  # fmt: skip
"""The 68 Multi-PIE landmark vertices in Multi-PIE order, from the model's own README."""


@dataclass(frozen=True, eq=False)
class FaceModel:
    """The drawn part of the face; `vertices` counts only what is drawn."""

    neutral: Floats
    """(vertices, 3) mean neutral face."""
    identity: Floats
    """(100, vertices * 3) offset per identity component of unit variance."""
    expression: Floats
    """(57, vertices * 3) offset at full activation."""
    names: tuple[str, ...]
    """Of the expression shapes, e.g. `browDown_L`."""
    triangles: Ints
    """(n, 3) vertex numbers, counter-clockwise seen from outside."""
    kinds: Floats
    """(vertices,) the number of `KINDS`."""
    landmarks: Ints
    """(68,) vertex numbers of `LANDMARKS`."""

    def person(self, coefficients: Floats) -> Floats:
        """Neutral face of one identity: (100,) coefficients, about N(0, 1), to (vertices, 3)."""
        offsets = coefficients.astype(np.float32) @ self.identity
        return np.asarray(self.neutral + offsets.reshape(-1, 3), dtype=np.float32)

    def offsets(self, activations: dict[str, float]) -> Floats:
        """Sum of expression shapes, (vertices, 3); activation 1 is the shape as sculpted.

        Raises:
            KeyError: a name is no expression shape.
        """
        total = np.zeros(self.expression.shape[1], dtype=np.float32)
        for name, activation in activations.items():
            if name not in self.names:
                raise KeyError(name)
            if activation:
                total += np.float32(activation) * self.expression[self.names.index(name)]
        return total.reshape(-1, 3)


@lru_cache(maxsize=2)
def load(path: Path = DEFAULT_PATH) -> FaceModel:
    """Read the packed model and keep what is drawn.

    Raises:
        FileNotFoundError: the file is absent; the message says how to make it.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no face model. Clone github.com/ICT-VGL/ICT-FaceKit and pack its FaceXModel folder: "
            "python -m training pack FaceXModel/ ict_facekit.npz"
        )
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files}
    kind_of_material = np.array([KINDS.get(str(name), -1) for name in arrays["materials"]])
    kind = kind_of_material[arrays["tri_mat"]]
    # What lies outside comes first, so that the depth test spares the painting of what it hides.
    order = np.argsort(kind, kind="stable")
    triangles = arrays["tri"][order[kind[order] >= 0]]
    kinds = np.zeros(len(arrays["neutral"]), dtype=np.float32)
    # Face and back of the head share a seam; it belongs to the face, which is painted last.
    for number in sorted(set(KINDS.values()), reverse=True):
        kinds[arrays["tri"][kind == number]] = number
    used, compact = np.unique(triangles, return_inverse=True)
    return FaceModel(
        neutral=arrays["neutral"][used].astype(np.float32),
        identity=arrays["identity"][:, used].astype(np.float32).reshape(len(arrays["identity"]), -1),
        expression=arrays["expression"][:, used].astype(np.float32).reshape(len(arrays["expression"]), -1),
        names=tuple(str(name) for name in arrays["expression_names"]),
        triangles=compact.reshape(-1, 3).astype(np.int32),
        kinds=kinds[used],
        landmarks=np.searchsorted(used, np.array(LANDMARKS)).astype(np.int32),
    )


def pack(folder: Path, output: Path) -> None:
    """Pack the OBJ files of ICT-FaceKit's `FaceXModel/` into one file for `load`.

    Vertices are kept as float16 offsets from `generic_neutral_mesh.obj`; polygons become triangle fans.

    Raises:
        FileNotFoundError: the neutral mesh is not in the folder.
        ValueError: a mesh has another number of vertices than the neutral one.
    """
    neutral_file = folder / "generic_neutral_mesh.obj"
    if not neutral_file.is_file():
        raise FileNotFoundError(f"{neutral_file}: not found; give the FaceXModel folder of a clone of ICT-FaceKit")
    neutral = _vertices(neutral_file)
    identities = sorted(folder.glob("identity*.obj"))
    expressions = [file for file in sorted(folder.glob("*.obj")) if file not in {neutral_file, *identities}]

    def packed(files: list[Path]) -> npt.NDArray[np.float16]:
        result = np.zeros((len(files), *neutral.shape), dtype=np.float16)
        for row, file in zip(result, files, strict=True):
            vertices = _vertices(file)
            if vertices.shape != neutral.shape:
                raise ValueError(f"{file}: {len(vertices)} vertices, the neutral mesh has {len(neutral)}")
            row[:] = vertices - neutral
        return result

    arrays: dict[str, Any] = {
        "neutral": neutral,
        "identity": packed(identities),
        "expression": packed(expressions),
        "expression_names": np.array([file.stem for file in expressions]),
        **_surface(neutral_file),
    }
    np.savez_compressed(output, **arrays)


def _vertices(file: Path) -> Floats:
    lines = file.read_text(encoding="ascii", errors="replace").splitlines()
    return np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=np.float32)


def _surface(file: Path) -> dict[str, npt.NDArray[np.generic]]:
    uv, corners, uv_corners, names = [], [], [], []
    name = ""
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        key, *values = line.split() or [""]
        if key == "vt":
            uv.append([float(value) for value in values[:2]])
        elif key == "usemtl":
            name = values[0]
        elif key == "f":
            polygon = [[int(part or 1) - 1 for part in corner.split("/")[:2]] for corner in values]
            for second, third in pairwise(polygon[1:]):
                triangle = (polygon[0], second, third)
                corners.append([corner[0] for corner in triangle])
                uv_corners.append([corner[-1] for corner in triangle])
                names.append(name)
    materials, tri_mat = np.unique(np.array(names), return_inverse=True)
    return {
        "uv": np.array(uv, dtype=np.float32),
        "tri": np.array(corners, dtype=np.int32),
        "tri_uv": np.array(uv_corners, dtype=np.int32),
        "tri_mat": tri_mat.reshape(-1).astype(np.int8),
        "materials": materials,
    }
