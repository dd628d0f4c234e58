"""One ONNX model to LiteRT; run by a Python of its own, in which the converters are installed.

Their versions of everything differ from ours: `pip install onnx2tf==2.6.9`, then `pip install ai-edge-litert==2.3.0
ai-edge-quantizer==0.10.0`, on Python 3.12 or later. Nothing is looked up in a network.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnx2tf
from ai_edge_quantizer import quantizer, recipe

SIGNATURE = "serving_default"


def main(source: Path, target: Path, feeds: Path | None, small: Path | None) -> None:
    """Write the model in 32-bit floats and, where there are faces to set the ranges, with convolutions in 8 bits.

    Args:
        source: ONNX, floats, fixed sizes.
        target: Gets the model as floats.
        feeds: `.npz` with inputs of many calls by name; None: no 8 bits.
        small: Gets the model in 8 bits.
    """
    names = [value.name for value in onnx.load(source).graph.input]
    with TemporaryDirectory() as folder:
        onnx2tf.convert(
            input_onnx_file_path=str(source),
            output_folder_path=folder,
            keep_shape_absolutely_input_names=names,
            batch_size=1,
            non_verbose=True,
            verbosity="error",
        )
        target.write_bytes((Path(folder) / f"{source.stem}_float32.tflite").read_bytes())
    if feeds is None or small is None:
        return
    with np.load(feeds) as kept:
        calls = [dict(zip(names, row, strict=True)) for row in zip(*(kept[name] for name in names), strict=True)]
    made = quantizer.Quantizer(str(target))
    made.load_quantization_recipe([recipe.static_wi8_ai8()[0] | {"operation": "CONV_2D"}])
    made.quantize(made.calibrate({SIGNATURE: calls})).export_model(str(small), overwrite=True)


if __name__ == "__main__":
    paths = [Path(one) for one in sys.argv[1:]]
    main(paths[0], paths[1], *(paths[2:] or (None, None)))
