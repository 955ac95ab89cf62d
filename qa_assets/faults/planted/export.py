"""The exported file is not the model that was trained."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from qa_assets.faults.fault import fault
from qa_assets.faults.patches import loaded, replaced
from qa_assets.faults.site import Site

OTHER = ("export.other_*", "export.layer*", "export.preprocessing*", "preprocessing.*")
BROKEN = ("export.malformed", "ONNX_*")
JAJAL = (
    "Jajal et al. (2024), interoperability in deep learning: a study of failures of ONNX converters"
)


def edited(site: Site, change: Callable[[Any], object]) -> None:
    """Let the exporter deliver a file that ``change`` was at."""

    def different() -> AbstractContextManager[object]:
        loaded("export.onnx_file", "export.finish")
        from qa_assets.export.finish import finish

        def other(model: Any, **more: Any) -> bytes:
            import onnx

            proto = onnx.load_from_string(finish(model, **more))
            change(proto)
            return proto.SerializeToString(deterministic=True)

        return replaced(finish, other, rooms=("export",))

    site.while_making(("onnx_model",), different)


def tensors(model: Any) -> list[Any]:
    """The weights with more than one dimension, the largest last."""
    found = [t for t in model.graph.initializer if len(t.dims) > 1]
    return sorted(found, key=lambda t: (int(np.prod(t.dims)), t.name))


def rewrite(tensor: Any, change: Callable[[Any], Any]) -> None:
    """Replace the values of a tensor in a file."""
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor).copy()
    tensor.CopyFrom(numpy_helper.from_array(change(values).astype(values.dtype), tensor.name))


def node(model: Any, *kinds: str) -> Any:
    """The first node of some kinds."""
    return next((n for n in model.graph.node if n.op_type in kinds), model.graph.node[0])


def bypass(model: Any, gone: Any) -> None:
    """Take a node with one input and one output out of the graph."""
    before, after = gone.input[0], gone.output[0]
    for other in model.graph.node:
        for i, name in enumerate(other.input):
            if name == after:
                other.input[i] = before
    model.graph.node.remove(gone)


@fault("export", enters="onnx_model", causes=OTHER, source=JAJAL)
def activation_lost(site: Site, dose: float) -> None:
    """The exporter drops the first activation."""
    edited(site, lambda m: bypass(m, node(m, "Relu", "Gelu", "Sigmoid", "Tanh")))


@fault("export", enters="onnx_model", causes=OTHER, source="dropped tensor")
def bias_lost(site: Site, dose: float) -> None:
    """The largest one-dimensional constant is zero in the file."""

    def change(model: Any) -> None:
        flat = [t for t in model.graph.initializer if len(t.dims) == 1 and t.data_type == 1]
        rewrite(max(flat, key=lambda t: (t.dims[0], t.name)), lambda v: v * 0)

    edited(site, change)


@fault(
    "export", enters="onnx_model", causes=OTHER, mild=0.1, clear=0.4, source="a lossy conversion"
)
def weights_noisy_in_file(site: Site, dose: float) -> None:
    """One layer's weights in the file have noise, in shares of their deviation."""

    def noisy(values: Any) -> Any:
        return values + site.rng.normal(0.0, dose * values.std(), values.shape)

    edited(site, lambda m: rewrite(tensors(m)[-1], noisy))


@fault(
    "export",
    enters="onnx_model",
    causes=OTHER,
    mild=6.0,
    clear=3.0,
    source="quantised without calibration",
)
def weights_coarse(site: Site, dose: float) -> None:
    """All weights in the file are rounded to a few bits."""

    def round_off(values: Any) -> Any:
        step = np.abs(values).max() / 2 ** (dose - 1) or 1.0
        return np.round(values / step) * step

    edited(site, lambda m: [rewrite(t, round_off) for t in tensors(m)])


@fault("export", enters="onnx_model", causes=OTHER, source=JAJAL)
def layout_transposed_in_file(site: Site, dose: float) -> None:
    """Rows and columns are swapped where pixels become channels first."""

    def change(model: Any) -> None:
        for attribute in node(model, "Transpose").attribute:
            if attribute.name == "perm" and len(attribute.ints) == 4:
                attribute.ints[:] = [0, 3, 2, 1]

    edited(site, change)


@fault(
    "export", enters="onnx_model", causes=OTHER, mild=0.05, clear=0.5, source="settings read twice"
)
def mean_in_file_differs(site: Site, dose: float) -> None:
    """The file subtracts another mean than the training did, by a share of the range."""

    def change(model: Any) -> None:
        wanted = node(model, "Sub")
        for tensor in model.graph.initializer:
            if tensor.name in wanted.input:
                rewrite(tensor, lambda v: v + dose)

    edited(site, change)


@fault("export", enters="onnx_model", causes=OTHER, source="scaled in the loader as well")
def scale_in_file_lost(site: Site, dose: float) -> None:
    """The file does not divide by the scale."""
    edited(site, lambda m: bypass(m, node(m, "Div")))


@fault(
    "export",
    enters="onnx_model",
    causes=("export.labels*", "data.labels_shifted"),
    source="a set that was sorted otherwise",
)
def labels_in_file_permuted(site: Site, dose: float) -> None:
    """The list of labels in the file begins with the second class."""
    import json

    def change(model: Any) -> None:
        for entry in model.metadata_props:
            if entry.key == "labels":
                labels = json.loads(entry.value)
                entry.value = json.dumps(labels[1:] + labels[:1])

    edited(site, change)


@fault(
    "export", enters="onnx_model", causes=("export.labels*", *BROKEN), source="stripped by a tool"
)
def metadata_stripped(site: Site, dose: float) -> None:
    """The file carries no labels, input spec or provenance."""
    edited(site, lambda m: m.ClearField("metadata_props"))


@fault(
    "export",
    enters="onnx_model",
    causes=("export.external_files", *BROKEN),
    source="a file over 2 GB exported",
)
def weights_outside_the_file(site: Site, dose: float) -> None:
    """The largest tensor is in a file beside the model."""

    def change(model: Any) -> None:
        import onnx

        tensor = tensors(model)[-1]
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")

    edited(site, change)


@fault("export", enters="onnx_model", causes=BROKEN, source=JAJAL)
def operator_foreign(site: Site, dose: float) -> None:
    """The file needs an operator of a vendor's library."""

    def change(model: Any) -> None:
        target = node(model, "Relu", "MatMul", "Gemm", "Conv")
        target.domain, target.op_type = "com.vendor", "FusedThing"
        model.opset_import.add(domain="com.vendor", version=1)

    edited(site, change)


@fault("export", enters="onnx_model", causes=BROKEN, source="a pruned graph")
def output_dropped(site: Site, dose: float) -> None:
    """The file has lost its second output."""
    edited(site, lambda m: m.graph.output.pop())


@fault(
    "export",
    enters="onnx_model",
    causes=(*BROKEN, "export.batch*"),
    source="exported from one example",
)
def batch_fixed(site: Site, dose: float) -> None:
    """The file takes batches of two and nothing else."""

    def change(model: Any) -> None:
        for port in (*model.graph.input, *model.graph.output):
            port.type.tensor_type.shape.dim[0].dim_value = 2

    edited(site, change)


@fault(
    "export",
    enters="onnx_model",
    causes=("export.other_weights", *OTHER),
    source="an old checkpoint picked up",
)
def weights_of_another_epoch(site: Site, dose: float) -> None:
    """The file was made from weights that are not those evaluated: every tensor is 3 % smaller."""

    def change(record: Any) -> Any:
        from dataclasses import replace

        from safetensors.torch import load

        from qa_assets.training.network import WEIGHTS, weights_bytes, weights_digest

        state = {
            n: t * 0.97 if t.is_floating_point() else t
            for n, t in load(record.read(WEIGHTS)).items()
        }
        files = {**record.files, WEIGHTS: weights_bytes(state)}
        return replace(record, files=files, weights_digest=weights_digest(state))

    site.input("onnx_model", "trained_weights", change)
