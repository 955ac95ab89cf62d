"""The exported file is not the model that was trained."""

from typing import Any

from qa_assets.faults.fault import fault
from qa_assets.faults.networks import activations
from qa_assets.faults.onnx_edits import (
    ACTIVATIONS,
    bypass,
    coarse,
    edited,
    layer_of,
    node,
    rewrite,
    tensors,
)
from qa_assets.faults.site import Site

OTHER = ("export.layer_departs",)
INPUT = ("preprocessing.*",)
BROKEN = ("export.malformed", "ONNX_*")
JAJAL = (
    "Jajal et al. (2024), interoperability in deep learning: a study of failures of ONNX converters"
)


@fault("export", enters="onnx_model", causes=OTHER, source=JAJAL)
def activation_lost(site: Site, dose: float) -> None:
    """The exporter drops the first activation."""
    site.culprits |= set(activations(site)[:1])
    edited(site, lambda m: bypass(m, node(m, *ACTIVATIONS)))


@fault("export", enters="onnx_model", causes=OTHER, source="dropped tensor")
def bias_lost(site: Site, dose: float) -> None:
    """The largest one-dimensional constant is zero in the file."""

    def change(model: Any) -> None:
        flat = [t for t in model.graph.initializer if len(t.dims) == 1 and t.data_type == 1]
        largest = max(flat, key=lambda t: (t.dims[0], t.name))
        site.culprits.add(layer_of(largest.name))
        rewrite(largest, lambda v: v * 0)

    edited(site, change)


@fault(
    "export", enters="onnx_model", causes=OTHER, mild=0.1, clear=0.4, source="a lossy conversion"
)
def weights_noisy_in_file(site: Site, dose: float) -> None:
    """One layer's weights in the file have noise, in shares of their deviation."""

    def noisy(values: Any) -> Any:
        return values + site.rng.normal(0.0, dose * values.std(), values.shape)

    def change(model: Any) -> None:
        site.culprits.add(layer_of(tensors(model)[-1].name))
        rewrite(tensors(model)[-1], noisy)

    edited(site, change)


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

    def change(model: Any) -> None:
        first = next(t for t in model.graph.initializer if len(t.dims) > 1)
        site.culprits.add(layer_of(first.name))
        for tensor in tensors(model):
            rewrite(tensor, coarse(dose))

    edited(site, change)


@fault("export", enters="onnx_model", causes=INPUT, source=JAJAL)
def layout_transposed_in_file(site: Site, dose: float) -> None:
    """Rows and columns are swapped where pixels become channels first."""

    def change(model: Any) -> None:
        for attribute in node(model, "Transpose").attribute:
            if attribute.name == "perm" and len(attribute.ints) == 4:
                attribute.ints[:] = [0, 3, 2, 1]

    edited(site, change)


@fault(
    "export", enters="onnx_model", causes=INPUT, mild=0.05, clear=0.5, source="settings read twice"
)
def mean_in_file_differs(site: Site, dose: float) -> None:
    """The file subtracts another mean than the training did, by a share of the range."""

    def change(model: Any) -> None:
        wanted = node(model, "Sub")
        for tensor in model.graph.initializer:
            if tensor.name in wanted.input:
                rewrite(tensor, lambda v: v + dose)

    edited(site, change)


@fault("export", enters="onnx_model", causes=INPUT, source="scaled in the loader as well")
def scale_in_file_lost(site: Site, dose: float) -> None:
    """The file does not divide by the scale."""
    edited(site, lambda m: bypass(m, node(m, "Div")))


@fault(
    "export",
    enters="onnx_model",
    causes=("export.labels*",),
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
    causes=("export.other_weights",),
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
