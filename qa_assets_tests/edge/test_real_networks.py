"""Real networks on real data: every target agrees, and faults are named on a trained network too.

Needs the shared test data; accuracy does not matter here, agreement does.
"""

import gzip
import importlib.util
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

from qa_assets.checks.comparison import edge_stages_agree
from qa_assets.checks.export import variants_agree
from qa_assets.checks.parity import agreement, disagreements
from qa_assets.core.config import InputSpec
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.tables import read_array
from qa_assets.edge.benchmark import benchmark, benchmark_on
from qa_assets.edge.comparison import compare, compare_on
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find
from qa_assets.edge.targets.litert import LiteRt
from qa_assets.export.onnx_file import export
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets_tests.edge.faults import converting, nodes, put, weights_of
from qa_assets_tests.edge.targets.test_contract import available

pytestmark = pytest.mark.slow
QUICK = EdgeSettings(
    calls=8, warm_up=1, batches=(4,), batch_seconds=0.001, least_seconds=0.001, leak_calls=1
)
FLOAT = ("ort-cpu", "ort-cpu-off", "ort-static", "onnx-reference", "torch", "openvino",
         "opencv-dnn", "tract", "op-nnapi", "op-coreml")  # fmt: skip
GREY = InputSpec(height=28, width=28, channels=1, scale=255.0)
COLOUR = InputSpec(
    height=32, width=32, channels=3, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26)
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network as it was exported, with its test samples."""

    model: OnnxModel
    payloads: dict[str, bytes]
    labels: np.ndarray
    spec: InputSpec


def labelled(pixels: np.ndarray, labels: np.ndarray, classes: int) -> LabelledSamples:
    ids = tuple(f"{i:05d}" for i in range(len(pixels)))
    names = tuple(map(str, range(classes)))
    return LabelledSamples(ids, labels.astype(np.int64), ("",) * len(ids), pixels, names)


def idx(path: Path) -> np.ndarray:
    body = gzip.decompress(path.read_bytes())
    shape = [int.from_bytes(body[4 + 4 * i : 8 + 4 * i], "big") for i in range(body[3])]
    return np.frombuffer(body, np.uint8, offset=4 + 4 * body[3]).reshape(shape)


class LeNet(torch.nn.Module):
    """The two networks of DeepXplore, as Keras computes them: flattened with channels last."""

    def __init__(self, path: Path) -> None:
        import h5py

        super().__init__()
        with h5py.File(path, "r") as stored:

            def weights(layer: str) -> tuple[torch.Tensor, torch.Tensor]:
                group = stored[layer][layer]
                kernel = np.asarray(group["kernel:0"], np.float32)
                turned = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T
                bias = np.asarray(group["bias:0"], np.float32)
                return torch.from_numpy(turned.copy()), torch.from_numpy(bias)

            for name in ("block1_conv1", "block2_conv1", "fc1", "before_softmax"):
                if name in stored:
                    kernel, bias = weights(name)
                    self.register_buffer(f"{name}_w", kernel)
                    self.register_buffer(f"{name}_b", bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        call = torch.nn.functional
        for name in ("block1_conv1", "block2_conv1"):
            kernel, bias = getattr(self, f"{name}_w"), getattr(self, f"{name}_b")
            x = call.max_pool2d(torch.relu(call.conv2d(x, kernel, bias, padding=2)), 2)
        x = x.permute(0, 2, 3, 1).flatten(1)
        if hasattr(self, "fc1_w"):
            x = torch.relu(call.linear(x, self.fc1_w, self.fc1_b))
        return call.linear(x, self.before_softmax_w, self.before_softmax_b)


@cache
def lenet(number: int, shared: Path) -> Case:
    pixels = idx(shared / "data/mnist/t10k-images-idx3-ubyte.gz")[:, :, :, None].copy()
    labels = idx(shared / "data/mnist/t10k-labels-idx1-ubyte.gz")
    test = labelled(pixels, labels, 10)
    payloads: dict[str, bytes] = {}
    for name, body in zip(test.ids, pixels, strict=True):
        out = io.BytesIO()
        Image.fromarray(body[:, :, 0]).save(out, "PNG", compress_level=1)
        payloads[name] = out.getvalue()
    network = LeNet(shared / f"data/deepxplore_lenets/mnist_lenet_model{number}.h5").eval()
    golden = {name: payloads[name] for name in test.ids[:32]}
    model = export(
        network, test, GREY, ExportSettings(), {"weights_digest": f"{number}" * 64},
        variants=("static", "int8"), train=test, golden=golden,
    )  # fmt: skip
    return Case(model, payloads, labels, GREY)


@pytest.mark.parametrize("target", FLOAT)
@pytest.mark.parametrize(("number", "accuracy"), [(1, 0.9788), (2, 0.9852)])
def test_two_networks_of_others_are_as_good_as_published_on_every_target(
    number: int, accuracy: float, target: str, shared: Path, tmp_path: Path
) -> None:
    pytest.importorskip("h5py", reason="the weights are Keras files")
    available(target)
    case = lenet(number, shared)
    found = benchmark(target, case.model, case.payloads, case.spec, QUICK, tmp_path)
    assert found.outcome == "OK", found.message
    answers = read_array(found, LOGITS)
    assert (answers.argmax(axis=1) == case.labels).mean() == pytest.approx(accuracy, abs=1e-9)
    assert not disagreements(answers, read_array(case.model, LOGITS)).any()


class Colours(torch.nn.Module):
    """A small network with a residual connection and an average over the picture."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.one = torch.nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.two = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.three = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.last = torch.nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.one(x)))
        x = torch.relu(x + self.two(x))
        x = torch.relu(self.three(x))
        return self.last(x.mean(dim=(2, 3)))


@cache
def colours(shared: Path) -> Case:
    with tarfile.open(shared / "data/cifar10_subset/train_6000.tar") as pack:
        files = sorted((m for m in pack if m.isfile()), key=lambda m: m.name)
        bodies = [(m.name.split("/")[0], pack.extractfile(m).read()) for m in files]  # type: ignore[union-attr]
    classes = sorted({label for label, _ in bodies})
    labels = np.array([classes.index(label) for label, _ in bodies])
    pixels = np.stack([image.decode(body, COLOUR) for _, body in bodies])
    held = np.arange(len(bodies)) % 12 == 0
    train, test = (
        labelled(pixels[~held], labels[~held], 10),
        labelled(pixels[held], labels[held], 10),
    )
    network = Colours()
    seen = torch.from_numpy(image.normalise(train.pixels, COLOUR))
    targets, optimiser = (
        torch.from_numpy(train.labels),
        torch.optim.Adam(network.parameters(), 3e-3),
    )
    for _ in range(3):
        for rows in torch.randperm(len(seen)).split(64):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(network(seen[rows]), targets[rows]).backward()
            optimiser.step()
    chosen = [body for (_, body), out in zip(bodies, held, strict=True) if out]
    payloads = dict(zip(test.ids, chosen, strict=True))
    golden = {name: payloads[name] for name in test.ids[::16]}
    model = export(
        network.eval(), test, COLOUR, ExportSettings(), {"weights_digest": "c" * 64},
        variants=("static", "int8", "fp16"), train=train, golden=golden,
    )  # fmt: skip
    return Case(model, payloads, test.labels, COLOUR)


@pytest.mark.parametrize("target", [*FLOAT, "ort-int8", "openvino-int8", "ort-fp16"])
def test_colour_images_agree_on_every_target(target: str, shared: Path, tmp_path: Path) -> None:
    available(target)
    case = colours(shared)
    found = benchmark(target, case.model, case.payloads, case.spec, QUICK, tmp_path)
    assert found.outcome == "OK", found.message
    right = read_array(case.model, case.model.variant_logits(found.variant))
    flips = int(disagreements(read_array(found, LOGITS), right).sum())
    assert flips == 0
    compared = compare(target, case.model, found, case.spec, QUICK, tmp_path)
    verdict = edge_stages_agree(compared)
    assert verdict.passed, verdict.summary
    assert variants_agree(case.model, max_disagreement=0.01).passed


def zero_half(proto: onnx.ModelProto) -> None:
    """A driver loses one channel of the second convolution's output."""
    for name in (nodes(proto, "Conv")[1].input[1], nodes(proto, "Conv")[1].input[2]):
        tensor, value = weights_of(proto, name)
        value[5] = 0
        put(tensor, value)


def three_bits_a_channel(proto: onnx.ModelProto) -> None:
    for node in nodes(proto, "Conv"):
        tensor, value = weights_of(proto, node.input[1])
        step = np.abs(value).max(axis=(1, 2, 3), keepdims=True) / 3
        put(tensor, (np.round(value / step) * step).astype(np.float32))


def last_relu(proto: onnx.ModelProto) -> None:
    relu = nodes(proto, "Relu")[-1]
    relu.op_type = "Identity"


def half_the_sum(proto: onnx.ModelProto) -> None:
    """The branch of the residual connection is lost instead of the shortcut."""
    add = next(n for n in nodes(proto, "Add") if not n.input[1].startswith("network"))
    add.op_type = "Identity"
    del add.input[1]


def other_bias(proto: onnx.ModelProto) -> None:
    tensor, value = weights_of(proto, nodes(proto, "Gemm")[0].input[2])
    put(tensor, value[::-1].copy())


def swapped_in_file(proto: onnx.ModelProto) -> None:
    """The first convolution's colours are in the other order: its file was made for BGR."""
    tensor, value = weights_of(proto, nodes(proto, "Conv")[0].input[1])
    put(tensor, value[:, ::-1].copy())


@pytest.mark.parametrize(
    ("edit", "cause"),
    [
        (zero_half, "edge.channel_zeroed"),
        (three_bits_a_channel, "edge.weights_coarse"),
        (last_relu, "edge.activation_skipped"),
        (half_the_sum, "edge.residual_dropped"),
        (other_bias, "edge.other_weights"),
        (swapped_in_file, "edge.other_weights"),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_other_faults_are_named_on_a_trained_network(
    edit: Callable[[onnx.ModelProto], None], cause: str, shared: Path, tmp_path: Path
) -> None:
    case, device = colours(shared), EdgeTarget(convert=converting(edit))
    found = benchmark_on(
        device, case.model, case.payloads, case.spec, settings=QUICK, scratch=tmp_path, name="x"
    )
    compared = compare_on(device, case.model, found, case.spec, settings=QUICK, scratch=tmp_path)
    verdict = edge_stages_agree(compared)
    assert (verdict.outcome, verdict.cause) == ("fail", cause), (verdict.summary, compared.layers)


def features(payload: bytes, spec: dict) -> object:
    import numpy as np

    shape = (spec["height"], spec["width"], spec["channels"])
    return np.frombuffer(payload, np.int8).reshape(shape)


def test_int8_keyword_spotting_differs_on_five_samples_and_they_are_queued(
    shared: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("ai_edge_litert") is None:
        pytest.skip("needs ai-edge-litert")
    folder = shared / "data" / "kws"
    samples = np.load(folder / "kws01_300.npz", allow_pickle=False)["x"]
    payloads = {f"{i:03d}": sample.tobytes() for i, sample in enumerate(samples)}
    spec = InputSpec(height=49, width=10, channels=1)
    answers = {}
    for name in ("kws_ref_model.tflite", "kws_ref_model_float32.tflite"):
        device = replace(
            find(f"litert@{folder / name}"),
            open=LiteRt,
            decoder=features,
            options={"scale": 0.5847029089927673, "zero": 83},
        )
        case = lenet_free(folder / name)
        answers[name] = benchmark_on(
            device, case, payloads, spec, settings=QUICK, scratch=tmp_path, name=name
        )
        assert answers[name].outcome == "OK", answers[name].message
    small, exact = answers["kws_ref_model.tflite"], answers["kws_ref_model_float32.tflite"]
    verdict = agreement(
        small, exact, max_disagreement=0.01, max_relative_error=1.0, cause="edge.other",
        who="int8 and float",
    )  # fmt: skip
    flips = disagreements(read_array(small, LOGITS), read_array(exact, LOGITS))
    assert int(flips.sum()) == 5
    assert set(verdict.samples) == {f"{i:03d}" for i in np.flatnonzero(flips)}
    assert verdict.cause == "edge.other_decisions"


def lenet_free(path: Path) -> OnnxModel:
    """A record that only carries a file made elsewhere."""
    body = path.read_bytes()
    return OnnxModel(
        sha256="", size=len(body), opset=0, ir_version=0, operators={}, inputs={}, outputs={},
        properties={}, weights_digest="", files={"model.onnx": body},
    )  # fmt: skip


def test_numbers_of_the_quantised_file_are_numbers_of_it(shared: Path) -> None:
    case = colours(shared)
    kinds = {
        numpy_helper.to_array(t).dtype.name
        for t in onnx.load_model_from_string(case.model.variant_body("int8")).graph.initializer
    }
    assert "int8" in kinds
