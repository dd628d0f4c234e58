"""The shipped model's net, taught a little further with a licensed set.

Other heads and other models look at the net's numbers as well; so these are held to what they were, and what is not
coded in the set is forgotten as little as may be (after Li and Hoiem, "Learning without forgetting", 2016).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from training.datasets.graph import UNITS, replaced
from training.datasets.labelled import DataSetError
from training.units.augment import augmented
from training.units.backbone import Net
from training.units.gradients import kernels

if TYPE_CHECKING:
    import onnx

    from training.datasets.faces import Faces
    from training.datasets.graph import ActionUnitGraph, Numbers
    from training.datasets.splits import Places

Floats: TypeAlias = npt.NDArray[np.float32]

BATCH = 32
RATE = 3e-4
"""Of learning (AdamW), a tenth of what the net was taught with."""
HELD = 1.0
"""How much a change of the net's numbers weighs, in their own spreads, beside the error of the intensities."""
STEEPEST = 5.0
"""Longest gradient that is followed."""
MOST = 5.0
SEED = 0
"""Of the order, and of what is done to the pictures."""


def net_of(graph: ActionUnitGraph) -> Net:
    """The net with the weights of a model; normalisations are folded into these and do nothing.

    Raises:
        DataSetError: If the model's net is not built as `training.units.backbone` builds it.
    """
    net: Net = Net(1).eval()
    names = _names(graph)
    pairs = _layers(net)
    if len(pairs) != len(names):
        raise DataSetError(f"the model's net has {len(names)} convolutions, {len(pairs)} are known")
    with torch.no_grad():
        for (layer, after), (weights, bias) in zip(pairs, names, strict=True):
            values = torch.from_numpy(graph.constant(weights).copy())
            if values.shape != layer.weight.shape:
                raise DataSetError(f"the model's net has a layer of {tuple(values.shape)}, not {layer.weight.shape}")
            layer.weight.copy_(values)
            after.bias.copy_(torch.from_numpy(graph.constant(bias).copy()))
            after.running_var.fill_(1.0 - after.eps)
    return net


def with_net(graph: ActionUnitGraph, net: Net) -> onnx.ModelProto:
    """The model with the weights of a net."""
    values: dict[str, Floats] = {}
    for (layer, after), (weights, bias) in zip(_layers(net), _names(graph), strict=True):
        gain = (after.weight / (after.running_var + after.eps).sqrt()).detach()
        values[weights] = (layer.weight.detach() * gain[:, None, None, None]).numpy()
        values[bias] = (after.bias.detach() - after.running_mean * gain).numpy()
    return replaced(graph.model, values)


def teach(graph: ActionUnitGraph, faces: Faces, numbers: Numbers, rows: Places, steps: int) -> Net:
    """Teach the model's net with some faces; what weighs its numbers stays as it is.

    Args:
        graph: The shipped model.
        faces: Of the set.
        numbers: What it makes of them.
        rows: Those to learn from.
        steps: Batches of `BATCH` faces.
    """
    torch.set_num_threads(1)
    net = net_of(graph)
    shipped = copy.deepcopy(net)
    weights = torch.from_numpy(graph.constant(graph.weights[0])[:, :UNITS] / graph.sharpness[:UNITS])
    others = torch.from_numpy(numbers.line) - torch.from_numpy(numbers.parts[0]) @ weights
    spread = torch.from_numpy(numbers.parts[0].std(axis=0) + np.float32(1e-3))
    truth = torch.from_numpy(faces.truth)
    known = ~torch.isnan(truth)
    crops = torch.from_numpy(faces.crops)
    descent = torch.optim.AdamW(net.features.parameters(), RATE, weight_decay=0.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(descent, RATE, total_steps=steps)
    dice = torch.Generator().manual_seed(SEED)
    learnt_from = torch.from_numpy(rows)
    for _ in range(steps):
        chosen = learnt_from[torch.randint(len(rows), (BATCH,), generator=dice)]
        pictures = augmented(crops[chosen].float(), dice)
        seen = net.seen(pictures)
        with torch.no_grad():
            before = shipped.seen(pictures)
        line = seen @ weights + others[chosen]
        # Beyond the scale's ends, what is right by being there is no error.
        error = (line - truth[chosen].nan_to_num()) * known[chosen]
        right = ((truth[chosen] <= 0.0) & (line < 0.0)) | ((truth[chosen] >= MOST) & (line > MOST))
        wrong = torch.where(right, 0.0, error).square().sum() / known[chosen].sum().clamp(min=1)
        loss = wrong + HELD * ((seen - before) / spread).square().mean()
        descent.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.features.parameters(), STEEPEST)
        descent.step()
        cycle.step()
    net.eval()
    return net


def _layers(net: Net) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution and the normalisation after it, in the order in which a face goes through them."""
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    parts = [part for part in net.features.modules() if isinstance(part, kinds)]
    return list(zip(parts[::2], parts[1::2], strict=True))


def _names(graph: ActionUnitGraph) -> list[tuple[str, str]]:
    """Weights and bias of each of the net's convolutions, in the same order; the gradients' are not learnt."""
    found = [tuple(node.input[1:]) for node in graph.model.graph.node if node.op_type == "Conv"]
    fixed = kernels().shape
    return [(pair[0], pair[1]) for pair in found if len(pair) == 2 and graph.constant(pair[0]).shape != fixed]
