"""Heads to pixels: OpenGL through EGL, in software where there is no GPU (Mesa llvmpipe).

One process should use one rasteriser thread (`LP_NUM_THREADS=1`) and one BLAS thread; more processes, not more threads,
make it faster.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import moderngl
import numpy as np
import scipy.sparse

from training.world.face_model import KINDS
from training.world.shade import hollows, shadow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from npng_edge.units import Pose
    from training.world.face_model import FaceModel, Floats
    from training.world.people import Look

SHADERS = Path(__file__).parent / "shaders"
PIVOT = np.array([0.0, 1.0, 3.0])
"""Point of the head that a pose turns about and a camera aims at, model centimetres."""
NEAR, FAR = 10.0, 400.0


@dataclass(frozen=True, eq=False)
class Lighting:
    """Three lamps and what comes from everywhere; linear colours."""

    directions: Floats
    """(3, 3) unit vectors towards the lamps, camera coordinates."""
    colours: Floats
    """(3, 3) RGB."""
    sky: Floats
    """(3,) RGB from above."""
    ground: Floats
    """(3,) RGB from below."""
    exposure: float
    hollows: float = 0.0
    """How much hollows of a size of centimetres darken, about 0..1; 0 leaves them as the shader shows them."""
    shadow: float = 0.0
    """Share of the light that the shadow of brow and nose takes from the first lamp, 0..1."""


@dataclass(frozen=True, eq=False)
class Head:
    """One head in front of the camera."""

    vertices: Floats
    """(vertices, 3) with identity and expression applied."""
    look: Look
    folds: Floats
    """(2, 8): depth of each fold in centimetres, person's left then right, in the order of `folds.FOLDS`."""
    lip_gap: float
    """Centimetres; less light falls on the teeth between lips that are hardly parted."""
    gaze: Floats
    """(3,) unit vector in head coordinates."""
    pose: Pose
    centre: tuple[float, float]
    """Where the pivot is seen, in half picture heights from the middle; +x right, +y up."""
    span: float
    """Centimetres at the pivot's depth that fill the height of the picture."""


class Renderer:
    """Draws heads of one face model into pictures of one size. Not for use from several threads."""

    def __init__(self, model: FaceModel, width: int, height: int) -> None:
        """Open a context of our own, without a window.

        Args:
            model: the face to draw.
            width: of the pictures, pixels.
            height: of the pictures, pixels.
        """
        os.environ.setdefault("LP_NUM_THREADS", "1")
        self._model = model
        self._size = (width, height)
        self._gl: Any = _open_context()
        self._target = self._gl.framebuffer([self._gl.texture(self._size, 4)], self._gl.depth_renderbuffer(self._size))
        self._program: Any = self._gl.program(
            vertex_shader=(SHADERS / "head.vert.glsl").read_text(encoding="utf-8"),
            fragment_shader=(SHADERS / "head.frag.glsl").read_text(encoding="utf-8"),
        )
        self._dynamic = self._gl.buffer(reserve=len(model.neutral) * 7 * 4)
        rest = np.concatenate([model.neutral, model.kinds[:, None]], axis=1)
        self._mesh = self._gl.vertex_array(
            self._program,
            [
                (self._dynamic, "3f 3f 1f", "position", "normal", "cavity"),
                (self._gl.buffer(rest.astype(np.float32).tobytes()), "3f 1f", "rest", "kind"),
            ],
            self._gl.buffer(model.triangles.tobytes()),
        )
        # Teeth and tongue, which come last, are not drawn behind closed lips.
        self._outside = 3 * int(np.sum(model.kinds[model.triangles[:, 0]] < KINDS["M_Teeth"]))
        self._relief = Relief(model)
        self._textures: dict[int, tuple[Look, list[Any]]] = {}

    def draw(
        self,
        heads: Sequence[Head],
        lighting: Lighting,
        field_of_view: float = 25.0,
        size: tuple[int, int] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Draw the heads, nearer ones before others.

        Args:
            heads: in any order.
            lighting: for all of them.
            field_of_view: vertical, degrees.
            size: width and height in pixels where the picture shall be smaller than the renderer's.

        Returns:
            (height, width, 4) uint8, BGR and alpha; alpha is 0 where nothing was drawn.
        """
        width, height = size or self._size
        with self._gl:  # another renderer may have drawn last
            self._target.use()
            self._target.viewport = (0, 0, width, height)
            self._target.clear(0.0, 0.0, 0.0, 0.0)
            self._gl.enable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
            for head in heads:
                self._dynamic.write(self._relief.of(head.vertices).tobytes())
                self._set_uniforms(head, lighting, field_of_view, height / width)
                for unit, texture in enumerate(self._uploaded(head.look)):
                    texture.use(unit)
                self._mesh.render(vertices=-1 if head.lip_gap > 0.0 else self._outside)
            raw = np.frombuffer(self._target.read((0, 0, width, height), components=4), dtype=np.uint8)
            drawn = np.ascontiguousarray(raw.reshape(height, width, 4)[::-1, :, [2, 1, 0, 3]])
            if lighting.hollows or lighting.shadow:
                self._darken(drawn, lighting, max(head.span for head in heads) / height)
        return drawn

    def _darken(self, drawn: npt.NDArray[np.uint8], lighting: Lighting, pixel: float) -> None:
        """Take light from (height, width, 4) where it does not reach, at half the resolution."""
        height, width = drawn.shape[:2]
        raw = self._target.read((0, 0, width, height), components=1, attachment=-1, dtype="f4")
        buffer = np.frombuffer(raw, dtype=np.float32).reshape(height, width)[::-2, ::2]
        covered = (buffer < 1.0).astype(np.float32)
        # The inverse of the projection in head.vert.glsl.
        nearness = (-2.0 * FAR * NEAR / (FAR + NEAR - (2.0 * buffer - 1.0) * (FAR - NEAR))).astype(np.float32)
        kept = 1.0 - np.clip(lighting.hollows * hollows(nearness, covered, 2 * pixel), 0.0, 0.7)
        if lighting.shadow:
            kept *= 1.0 - lighting.shadow * shadow(nearness, covered, 2 * pixel, lighting.directions[0])
        # Gamma 2, as in the shader.
        factor = cv2.resize(np.sqrt(kept), (width, height), interpolation=cv2.INTER_LINEAR)
        drawn[..., :3] = (drawn[..., :3] * factor[..., None]).astype(np.uint8)

    def _uploaded(self, look: Look) -> list[Any]:
        key = id(look)
        if key not in self._textures:
            if len(self._textures) >= 4:
                for texture in self._textures.pop(next(iter(self._textures)))[1]:
                    texture.release()
            layers = [look.paint, look.folds_upper, look.folds_lower, look.grain]
            uploaded = []
            for layer in layers:
                height, width, components = layer.shape
                texture = self._gl.texture((width, height), components, np.ascontiguousarray(layer).tobytes())
                texture.repeat_x = texture.repeat_y = layer is look.grain
                uploaded.append(texture)
            self._textures[key] = (look, uploaded)
        return self._textures[key][1]

    def _set_uniforms(self, head: Head, lighting: Lighting, field_of_view: float, aspect: float) -> None:
        focal = 1.0 / np.tan(np.radians(field_of_view) / 2.0)
        distance = head.span / 2.0 * focal
        place = np.eye(4)
        place[:3, :3] = rotation(head.pose)
        middle = np.array([head.centre[0] * head.span / 2.0, head.centre[1] * head.span / 2.0, -distance])
        place[:3, 3] = middle - place[:3, :3] @ PIVOT
        look = head.look
        values: dict[str, object] = {
            "lens": (focal * aspect, focal, NEAR, FAR),
            "hairline": look.hairline,
            "volume": look.volume,
            "ears": look.ears,
            "paint": 0,
            "folds_upper": 1,
            "folds_lower": 2,
            "grain": 3,
            "skin": look.skin,
            "hair": look.hair,
            "cloth": look.cloth,
            "parted": float(np.clip(0.25 + head.lip_gap / 0.6, 0.0, 1.0)),
            "iris": look.iris,
            "pupil": look.pupil,
            "sclera": look.sclera,
            "teeth": look.teeth,
            "mouth": look.mouth,
            "gaze": tuple(head.gaze),
            "eye_size": look.eye_size,
            "oil": look.oil,
            "occlusion": look.occlusion,
            "exposure": lighting.exposure,
            "sky": tuple(lighting.sky),
            "ground": tuple(lighting.ground),
        }
        for name, value in values.items():
            self._program[name].value = value
        self._program["place"].write(place.T.astype(np.float32).tobytes())
        self._program["light_from"].write(lighting.directions.astype(np.float32).tobytes())
        self._program["light"].write(lighting.colours.astype(np.float32).tobytes())
        self._program["fold_left"].write(head.folds[0].astype(np.float32).tobytes())
        self._program["fold_right"].write(head.folds[1].astype(np.float32).tobytes())


def rotation(pose: Pose) -> npt.NDArray[np.float64]:
    """(3, 3) matrix from head to camera coordinates; signs as in `Pose`."""
    yaw, pitch, roll = np.radians([pose.yaw, pose.pitch, pose.roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def _open_context() -> Any:
    create: Any = moderngl.create_standalone_context
    return create(require=330, backend="egl")


class Relief:
    """Vertex normals and cavities of a moving mesh."""

    def __init__(self, model: FaceModel, rounds: int = 6) -> None:
        vertices, triangles = len(model.neutral), model.triangles
        self._triangles = triangles
        numbers = np.repeat(np.arange(len(triangles)), 3)
        ones = np.ones(len(numbers), dtype=np.float32)
        self._gather = scipy.sparse.csr_matrix((ones, (triangles.ravel(), numbers)), (vertices, len(triangles)))
        ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
        linked = scipy.sparse.coo_matrix((np.ones(len(ends), np.float32), ends.T), (vertices, vertices)).tocsr()
        linked = ((linked + linked.T) > 0).astype(np.float32) + scipy.sparse.identity(vertices, dtype=np.float32)
        sums = np.asarray(linked.sum(axis=1)).ravel()
        self._smooth = (scipy.sparse.diags((1.0 / sums).astype(np.float32)) @ linked).tocsr()
        self._rounds = rounds

    def of(self, vertices: Floats) -> Floats:
        """(vertices, 7): position, unit normal, and how deep the vertex lies in a hollow, centimetres."""
        first, second, third = (vertices[self._triangles[:, corner]] for corner in range(3))
        normals = self._gather @ np.cross(second - first, third - first)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
        smooth = vertices
        for _ in range(self._rounds):
            smooth = self._smooth @ smooth
        cavity = np.sum((smooth - vertices) * normals, axis=1, keepdims=True)
        return np.concatenate([vertices, normals, cavity], axis=1).astype(np.float32)
