"""Twenty faults between export and target, each made the way it happens: in the decoder or file."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import digest_bytes
from qa_assets.core.records.export import OnnxModel
from qa_assets.edge.target import EdgeTarget
from qa_assets.export.onnx_file import export
from qa_assets.export.settings import ExportSettings, QuantisationSettings
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples

SPEC = InputSpec(
    height=16, width=16, channels=3, mean=(0.45, 0.5, 0.55), std=(0.2, 0.25, 0.3),
    interpolation="nearest",
)  # fmt: skip
CLASSES = ("bird", "car", "cat", "dog", "ship")


class Residual(torch.nn.Module):
    """Three convolutions, one of them around a residual connection."""

    def __init__(self, seed: int = 5) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.stem = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.inner = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.outer = torch.nn.Conv2d(8, 8, 3, padding=1)
        self.last = torch.nn.Linear(8 * 16, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.nn.functional.max_pool2d(torch.relu(self.stem(x)), 2)
        x = torch.relu(x + self.outer(torch.relu(self.inner(x))))
        return self.last(torch.nn.functional.avg_pool2d(x, 2).flatten(1))


def colourful(n: int, seed: int, *, brightness: float = 1.0) -> list[bytes]:
    """JPEG and PNG pictures of their own sizes, some of them turned by EXIF."""
    rng = np.random.default_rng(seed)
    made: list[bytes] = []
    for i in range(n):
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((31, 25), Image.Resampling.BICUBIC)
        body = np.asarray(picture, np.float32) + rng.normal(0, 6, (25, 31, 3))
        picture = Image.fromarray(np.clip(body * brightness, 0, 255).astype(np.uint8))
        out, exif = io.BytesIO(), Image.Exif()
        exif[0x0112] = 6 if i % 3 == 0 else 1
        picture.save(out, "JPEG" if i % 2 else "PNG", exif=exif)
        made.append(out.getvalue())
    return made


def samples(bodies: list[bytes]) -> tuple[LabelledSamples, dict[str, bytes]]:
    payloads = {digest_bytes(b): b for b in bodies}
    ids = tuple(sorted(payloads))
    pixels = np.stack([image.decode(payloads[i], SPEC) for i in ids])
    labels = np.arange(len(ids)) % len(CLASSES)
    return LabelledSamples(ids, labels, ("",) * len(ids), pixels, CLASSES), payloads


def samples_of(n: int) -> LabelledSamples:
    """Samples to calibrate on."""
    return samples(colourful(n, 2))[0]


@cache
def clean() -> tuple[OnnxModel, dict[str, bytes]]:
    """The exported network with every variant, and its golden samples."""
    test, payloads = samples(colourful(32, 1))
    train, _ = samples(colourful(120, 2))
    exported = export(
        Residual().eval(), test, SPEC, ExportSettings(),
        {"weights_digest": "ab" * 32}, variants=("static", "int8", "fp16"), train=train,
        golden=payloads,
    )  # fmt: skip
    return exported, payloads


def calibrated_on(train: LabelledSamples, count: int) -> OnnxModel:
    test, payloads = samples(colourful(32, 1))
    settings = ExportSettings(quantisation=QuantisationSettings(samples=count))
    return export(
        Residual().eval(), test, SPEC, settings, {"weights_digest": "ab" * 32},
        variants=("int8",), train=train, golden=payloads,
    )  # fmt: skip


def bgr(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    small = upright.resize((spec["width"], spec["height"]), Image.Resampling.NEAREST)
    return np.asarray(small, np.uint8)[:, :, ::-1].copy()


def bilinear(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    small = upright.resize((spec["width"], spec["height"]), Image.Resampling.BILINEAR)
    return np.asarray(small, np.uint8)


def planes(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    small = upright.resize((spec["width"], spec["height"]), Image.Resampling.NEAREST)
    stored = np.ascontiguousarray(np.asarray(small, np.uint8).transpose(2, 0, 1))
    return stored.reshape(spec["height"], spec["width"], 3)


def sideways(payload: bytes, spec: dict) -> object:
    import io

    import numpy as np
    from PIL import Image

    with Image.open(io.BytesIO(payload)) as picture:
        shown = picture.convert("RGB")
    small = shown.resize((spec["width"], spec["height"]), Image.Resampling.NEAREST)
    return np.asarray(small, np.uint8)


Edit = Callable[[onnx.ModelProto], None]


def converting(edit: Edit) -> Callable[[bytes], bytes]:
    def convert(body: bytes) -> bytes:
        proto = onnx.load_model_from_string(body)
        edit(proto)
        return proto.SerializeToString(deterministic=True)

    return convert


def weights_of(proto: onnx.ModelProto, name: str) -> tuple[onnx.TensorProto, np.ndarray]:
    tensor = next(t for t in proto.graph.initializer if t.name == name)
    return tensor, numpy_helper.to_array(tensor).copy()


def put(tensor: onnx.TensorProto, value: np.ndarray) -> None:
    tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))


def bypass(proto: onnx.ModelProto, node: onnx.NodeProto, instead: str) -> None:
    for other in proto.graph.node:
        for i, name in enumerate(other.input):
            if name == node.output[0]:
                other.input[i] = instead
    proto.graph.node.remove(node)


def nodes(proto: onnx.ModelProto, kind: str) -> list[onnx.NodeProto]:
    return [n for n in proto.graph.node if n.op_type == kind]


def scale_missing(proto: onnx.ModelProto) -> None:
    first = nodes(proto, "Div")[0]
    bypass(proto, first, first.input[0])


def scale_twice(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, nodes(proto, "Div")[0].input[1])
    put(tensor, np.asarray(value * value, np.float32))


def mean_std_swapped(proto: onnx.ModelProto) -> None:
    (mean, m), (std, s) = weights_of(proto, "mean"), weights_of(proto, "std")
    put(mean, s)
    put(std, m)


def tensor_zeroed(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, "network.inner.weight")
    put(tensor, value * 0)


def channel_zeroed(proto: onnx.ModelProto) -> None:
    for name in ("network.stem.weight", "network.stem.bias"):
        tensor, value = weights_of(proto, name)
        value[3] = 0
        put(tensor, value)


def relu_skipped(proto: onnx.ModelProto) -> None:
    relu = nodes(proto, "Relu")[1]
    bypass(proto, relu, relu.input[0])


def residual_dropped(proto: onnx.ModelProto) -> None:
    add = nodes(proto, "Add")[0]
    bypass(proto, add, add.input[1])


def four_bits(proto: onnx.ModelProto) -> None:
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("weight"):
            value = numpy_helper.to_array(tensor)
            step = np.abs(value).max() / 7
            put(tensor, (np.round(value / step) * step).astype(np.float32))


def bfloat16(proto: onnx.ModelProto) -> None:
    """Every result of an operator of the network is rounded, and every weight."""
    for tensor in proto.graph.initializer:
        if tensor.name.startswith("network."):
            body = numpy_helper.to_array(tensor).astype(np.float32)
            bits = body.view(np.uint32)
            put(tensor, ((bits + 0x8000) & 0xFFFF0000).astype(np.uint32).view(np.float32))
    rounded: list[onnx.NodeProto] = []
    for node in proto.graph.node:
        rounded.append(node)
        if node.op_type in ("Conv", "Gemm", "Relu", "Add"):
            name = node.output[0]
            node.output[0] = f"{name}_exact"
            rounded.append(
                helper.make_node(
                    "Cast", [f"{name}_exact"], [f"{name}_half"], to=TensorProto.BFLOAT16
                )
            )
            rounded.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    copies = [onnx.NodeProto.FromString(n.SerializeToString()) for n in rounded]
    del proto.graph.node[:]
    proto.graph.node.extend(copies)


def labels_changed(proto: onnx.ModelProto) -> None:
    for entry in proto.metadata_props:
        if entry.key == "labels":
            entry.value = '["bird","cat","car","dog","ship"]'


def columns_changed(proto: onnx.ModelProto) -> None:
    order = [0, 2, 1, 3, 4]
    for name in ("network.last.weight", "network.last.bias"):
        tensor, value = weights_of(proto, name)
        put(tensor, value[order])


def earlier_training(proto: onnx.ModelProto) -> None:
    other = Residual(seed=6).state_dict()
    for tensor in proto.graph.initializer:
        name = tensor.name.removeprefix("network.")
        if name in other:
            put(tensor, other[name].numpy())


def batch_fixed(proto: onnx.ModelProto) -> None:
    del proto.graph.value_info[:]
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.shape.dim[0].dim_value = 1


def opset_refused(proto: onnx.ModelProto) -> None:
    for entry in proto.opset_import:
        entry.version = 99


def output_missing(proto: onnx.ModelProto) -> None:
    del proto.graph.output[0]


@dataclass(frozen=True)
class Planted:
    """A fault, the code it must be named by, the stage, and the layer where it is inside."""

    name: str
    cause: str
    stage: str
    layer: str = ""
    edit: Edit | None = None
    decoder: Callable[[bytes, dict], object] | None = None
    variant: str = "float"
    model: Callable[[], OnnxModel] = lambda: clean()[0]

    def device(self) -> EdgeTarget:
        return EdgeTarget(
            convert=converting(self.edit) if self.edit else None,
            decoder=self.decoder or "pillow",
            variant=self.variant,  # type: ignore[arg-type]
        )


def few_images() -> OnnxModel:
    train, _ = samples(colourful(2, 3))
    return calibrated_on(train, 2)


def dark_images() -> OnnxModel:
    train, _ = samples(colourful(120, 2, brightness=0.25))
    return calibrated_on(train, 120)


PLANTED = [
    Planted("BGR for RGB", "preprocessing.channels_swapped", "decode", decoder=bgr),
    Planted("/255 missing", "preprocessing.scale_missing", "preprocess", edit=scale_missing),
    Planted("/255 twice", "preprocessing.scale_twice", "preprocess", edit=scale_twice),
    Planted("mean and std", "preprocessing.mean_std_swapped", "preprocess", edit=mean_std_swapped),
    Planted("bilinear", "preprocessing.interpolation", "decode", decoder=bilinear),
    Planted("NCHW as NHWC", "preprocessing.layout", "decode", decoder=planes),
    Planted("EXIF ignored", "preprocessing.exif_ignored", "decode", decoder=sideways),
    Planted("tensor zeroed", "edge.tensor_zeroed", "model", "Conv conv2d_1", edit=tensor_zeroed),
    Planted("channel zeroed", "edge.channel_zeroed", "model", "Conv conv2d", edit=channel_zeroed),
    Planted("ReLU skipped", "edge.activation_skipped", "model", "Relu relu_1", edit=relu_skipped),
    Planted("residual dropped", "edge.residual_dropped", "model", "Add add", edit=residual_dropped),
    Planted("4-bit weights", "edge.weights_coarse", "model", "Conv conv2d", edit=four_bits),
    Planted("bf16", "edge.reduced_precision", "model", "Conv conv2d", edit=bfloat16),
    Planted("two images", "edge.calibration_few", "model", variant="int8", model=few_images),
    Planted("dark images", "edge.calibration_inputs", "model", variant="int8", model=dark_images),
    Planted("labels", "postprocessing.labels_permuted", "postprocess", edit=labels_changed),
    Planted("earlier weights", "edge.other_weights", "model", "Conv conv2d", edit=earlier_training),
    Planted("batch fixed", "edge.batch_fixed", "model", "pixels", edit=batch_fixed),
    Planted("opset", "edge.opset_refused", "model", edit=opset_refused),
    Planted("output missing", "edge.output_missing", "model", "logits", edit=output_missing),
]
ALSO = [
    Planted("columns", "postprocessing.labels_permuted", "postprocess", edit=columns_changed),
]
