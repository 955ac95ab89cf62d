"""Faults of another kind, in networks of another kind: the stage and the layer are named too.

Depthwise convolutions, two residual blocks and pictures that are not square; sound as one channel
of time and frequency. What has no known cause is still located.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from PIL import Image

from qa_assets.checks.comparison import edge_stages_agree
from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes
from qa_assets.core.records.export import OnnxModel
from qa_assets.edge.benchmark import benchmark_on
from qa_assets.edge.comparison import compare_on
from qa_assets.edge.target import EdgeTarget
from qa_assets.export.onnx_file import export
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets_tests.edge.faults import converting, nodes, put, weights_of
from qa_assets_tests.edge.test_comparison import QUICK

pytestmark = pytest.mark.slow
COLOUR = InputSpec(
    height=20, width=28, channels=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25),
    interpolation="bicubic",
)  # fmt: skip
SOUND = InputSpec(height=40, width=12, channels=1, mean=(0.3,), std=(0.2,))
CLASSES = ("a", "b", "c", "d")


class Block(torch.nn.Module):
    """Wide, depthwise, narrow, and the shortcut around them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wide = torch.nn.Conv2d(width, 2 * width, 1)
        self.deep = torch.nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.norm = torch.nn.BatchNorm2d(2 * width)
        self.narrow = torch.nn.Conv2d(2 * width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.nn.functional.hardtanh(self.wide(x), 0.0, 1.0)
        return x + self.narrow(torch.nn.functional.leaky_relu(self.norm(self.deep(y)), 0.1))


class Mobile(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.stem = torch.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = torch.nn.Sequential(Block(8), Block(8))
        self.last = torch.nn.Linear(8, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(torch.relu(self.stem(x)))
        return self.last(x.mean(dim=(2, 3)))


class Sound(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(12)
        self.one = torch.nn.Conv2d(1, 6, (5, 3), padding=(2, 1))
        self.two = torch.nn.Conv2d(6, 8, (5, 3), stride=2)
        self.last = torch.nn.Linear(8 * 18 * 5, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.sigmoid(self.one(x))
        return self.last(torch.tanh(self.two(x)).flatten(1))


@cache
def exported(kind: str) -> tuple[OnnxModel, dict[str, bytes]]:
    network, spec = {"mobile": (Mobile(), COLOUR), "sound": (Sound(), SOUND)}[kind]
    rng, payloads = np.random.default_rng(4), dict[str, bytes]()
    for _ in range(24):
        size = (4, 5, 3) if spec.channels == 3 else (9, 4)
        small = Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8))
        large = (31, 23) if spec.channels == 3 else (spec.width, spec.height)
        out = io.BytesIO()
        small.resize(large, Image.Resampling.BICUBIC).save(out, "PNG")
        payloads[digest_bytes(out.getvalue())] = out.getvalue()
    ids = tuple(sorted(payloads))
    pixels = np.stack([image.decode(payloads[i], spec) for i in ids])
    samples = LabelledSamples(ids, np.arange(24) % 4, ("",) * 24, pixels, CLASSES)
    settings, made_by = ExportSettings(), {"weights_digest": "ef" * 32}
    model = export(network.eval(), samples, spec, settings, made_by, golden=payloads)
    return model, payloads


def depthwise(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    groups = {n.output[0]: next((a.i for a in n.attribute if a.name == "group"), 1)
              for n in nodes(proto, "Conv")}  # fmt: skip
    return [n for n in nodes(proto, "Conv") if groups[n.output[0]] > 1]


def lose_depthwise_channel(proto: onnx.ModelProto) -> None:
    for name in depthwise(proto)[1].input[1:]:
        tensor, value = weights_of(proto, name)
        value[7] = 0
        put(tensor, value)


def turn_kernels(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, nodes(proto, "Conv")[0].input[1])
    put(tensor, np.ascontiguousarray(value.swapaxes(2, 3)))


def as_it_is(proto: onnx.ModelProto, node: onnx.NodeProto) -> None:
    node.CopyFrom(helper.make_node("Identity", [node.input[0]], [node.output[0]]))


def lose_clip(proto: onnx.ModelProto) -> None:
    as_it_is(proto, nodes(proto, "Clip")[1])


def lose_shortcut(proto: onnx.ModelProto) -> None:
    add = nodes(proto, "Add")[1]
    add.CopyFrom(helper.make_node("Identity", [add.input[1]], [add.output[0]]))


def other_slope(proto: onnx.ModelProto) -> None:
    for attribute in nodes(proto, "LeakyRelu")[0].attribute:
        attribute.f = 0.3


def largest_for_mean(proto: onnx.ModelProto) -> None:
    node = next(n for n in proto.graph.node if n.op_type in ("ReduceMean", "GlobalAveragePool"))
    node.op_type = node.op_type.replace("Mean", "Max").replace("Average", "Max")


def lose_last_bias(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, nodes(proto, "Gemm")[0].input[2])
    put(tensor, value * 0)


def pad_on_the_other_side(proto: onnx.ModelProto) -> None:
    attribute = next(a for a in nodes(proto, "Conv")[0].attribute if a.name == "pads")
    attribute.ints[:] = [0, 0, 4, 2]


def lose_sigmoid(proto: onnx.ModelProto) -> None:
    as_it_is(proto, nodes(proto, "Sigmoid")[0])


def three_bits(proto: onnx.ModelProto) -> None:
    for node in nodes(proto, "Conv"):
        tensor, value = weights_of(proto, node.input[1])
        step = np.abs(value).max() / 3
        put(tensor, (np.round(value / step) * step).astype(np.float32))


def lose_mean(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, "mean")
    put(tensor, value * 0)


def backwards(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image

    shape = (spec["height"], spec["width"], spec["channels"])
    pixels = np.asarray(Image.open(io.BytesIO(payload)), np.uint8).reshape(shape)
    return pixels[::-1].copy()


def brighter(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(payload)).convert("RGB")
    small = picture.resize((spec["width"], spec["height"]), Image.Resampling.BICUBIC)
    return (255 * (np.asarray(small) / 255) ** 0.8).astype(np.uint8)


def nearest(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(payload)).convert("RGB")
    small = picture.resize((spec["width"], spec["height"]), Image.Resampling.NEAREST)
    return np.asarray(small, np.uint8)


@dataclass(frozen=True)
class Case:
    kind: str
    harm: Callable
    stage: str
    layer: str
    cause: str


CASES = [
    Case("mobile", lose_depthwise_channel, "model", "Conv", "edge.channel_zeroed"),
    Case("mobile", turn_kernels, "model", "Conv", "edge.other_weights"),
    Case("mobile", lose_clip, "model", "Clip", "edge.activation_skipped"),
    Case("mobile", lose_shortcut, "model", "Add", "edge.residual_dropped"),
    Case("mobile", other_slope, "model", "LeakyRelu", "edge.operator_differs"),
    Case("mobile", largest_for_mean, "model", "ReduceMean", "edge.operator_differs"),
    Case("mobile", three_bits, "model", "Conv", "edge.weights_coarse"),
    Case("mobile", brighter, "decode", "", "preprocessing.decode_departs"),
    Case("mobile", nearest, "decode", "", "preprocessing.interpolation"),
    Case("sound", lose_last_bias, "model", "Gemm", "edge.tensor_zeroed"),
    Case("sound", pad_on_the_other_side, "model", "Conv", "edge.operator_differs"),
    Case("sound", lose_sigmoid, "model", "Sigmoid", "edge.activation_skipped"),
    Case("sound", lose_mean, "preprocess", "", "preprocessing.mean_missing"),
    Case("sound", backwards, "decode", "", "preprocessing.upside_down"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.harm.__name__)
def test_stage_layer_and_cause_are_named(case: Case, tmp_path: Path) -> None:
    if case.stage == "decode":
        device = EdgeTarget(decoder=case.harm)
    else:
        device = EdgeTarget(convert=converting(case.harm))
    model, payloads = exported(case.kind)
    spec = COLOUR if case.kind == "mobile" else SOUND
    found = benchmark_on(device, model, payloads, spec, settings=QUICK, scratch=tmp_path, name="x")
    compared = compare_on(device, model, found, spec, settings=QUICK, scratch=tmp_path)
    verdict = edge_stages_agree(compared)
    assert verdict.outcome == "fail", (verdict.summary, compared.layers)
    assert (verdict.where["stage"], verdict.cause) == (case.stage, case.cause), verdict.summary
    assert verdict.where.get("layer", "").startswith(case.layer)


@pytest.mark.parametrize("kind", ["mobile", "sound"])
def test_without_a_fault_they_agree(kind: str, tmp_path: Path) -> None:
    model, payloads = exported(kind)
    spec = COLOUR if kind == "mobile" else SOUND
    found = benchmark_on(
        EdgeTarget(), model, payloads, spec, settings=QUICK, scratch=tmp_path, name="x"
    )
    compared = compare_on(EdgeTarget(), model, found, spec, settings=QUICK, scratch=tmp_path)
    assert edge_stages_agree(compared).passed
    assert compared.findings == ()
