"""What the released model sees: against its own logits, and where there is nothing to cut."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.embedding import embedding, penultimate
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import read_payloads
from qa_assets_tests.datasets.samples import digits
from qa_assets_tests.datasets.trained import released_model, settings


@pytest.fixture(scope="module")
def model() -> bytes:
    taken = digits()[0]
    return released_model(taken, [i for i, _ in read_payloads(taken)][:300])


def test_the_last_layer_of_the_features_gives_the_logits(model: bytes) -> None:
    bodies = [b for _, b in read_payloads(digits()[0])][:40]
    cut = embedding(model)
    features = cut.of(bodies)
    graph = onnx.load_from_string(model).graph
    last = next(n for n in graph.node if n.output[0] == "logits")
    weight, bias = (
        numpy_helper.to_array(next(t for t in graph.initializer if t.name == name))
        for name in last.input[1:]
    )
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    pixels = np.stack([image.decode(b, settings().input) for b in bodies])
    (logits,) = session.run(["logits"], {"pixels": pixels})
    np.testing.assert_allclose(features @ weight.T + bias, logits, rtol=1e-4, atol=1e-4)


def net(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    ports = (("pixels", TensorProto.FLOAT, [1, 4]),), (("logits", TensorProto.FLOAT, [1, 4]),)
    inputs, outputs = ([helper.make_tensor_value_info(*p) for p in side] for side in ports)
    weight = numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")
    return helper.make_model(helper.make_graph(list(nodes), "g", inputs, outputs, [weight]))


def node(kind: str, inputs: str, output: str) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output])


RELU = node("Relu", "pixels", "a")


@pytest.mark.parametrize(
    ("nodes", "tensor"),
    [
        ((RELU, node("MatMul", "a w", "logits")), "a"),
        ((RELU, node("MatMul", "a w", "b"), node("Add", "b w", "logits")), "a"),
        ((node("Relu", "pixels", "logits"),), "logits"),  # no layer with weights
        ((node("MatMul", "pixels w", "logits"),), "logits"),  # nothing before it
    ],
)  # fmt: skip
def test_the_cut_is_before_the_last_layer_with_weights(
    nodes: tuple[onnx.NodeProto, ...], tensor: str
) -> None:
    assert penultimate(net(*nodes)) == tensor


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputRefused, match="ONNX_CORRUPT"):
        embedding(b"no model")
