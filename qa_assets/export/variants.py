"""Variants of the exported file for targets that cannot take it as it is: static, int8, fp16."""

import logging
import tempfile
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.export import CALIBRATION
from qa_assets.export import graphs
from qa_assets.export.finish import finish
from qa_assets.export.settings import QuantisationSettings
from qa_assets.preprocessing.samples import LabelledSamples

if TYPE_CHECKING:
    import onnx

_QDQ_OPSET = 21
"""From here on the same quantised file runs in onnxruntime, OpenVINO, tract and onnx.reference."""
_WEIGHTED = ("Conv", "Gemm", "MatMul", "ConvTranspose")
_LEAST_LAYERS = 3
"""Fewer layers with weights are quantised all: between the ends nothing would be left."""
_FLOAT_OPERATORS = ("Softmax", "Cast", "Div", "Sub", "Transpose")
"""Not quantised: the preprocessing and the probabilities, which are cheap and need the precision.
"""


def make_variant(
    name: str, model: bytes, train: LabelledSamples | None, settings: QuantisationSettings
) -> bytes:
    """One variant of ``model`` as a finished file of its own; equal input gives equal bytes.

    Args:
        name: ``static`` (a batch of exactly one), ``int8`` (QDQ, calibrated) or ``fp16``
            (half precision inside, the same inputs and outputs).
        model: The exported file.
        train: What int8 is calibrated on; other variants need none.
        settings: How int8 is made.

    Raises:
        InputRefused: ``EXPORT_VARIANT``: there is no such variant, or this model has none.
    """
    if name not in _MAKERS:
        known = ", ".join(sorted(_MAKERS))
        raise InputRefused.of("EXPORT_VARIANT", name, "is no variant.", f"There are: {known}.")
    proto = graphs.parse(model)
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    try:
        with _silence():
            made = _MAKERS[name](proto, train, settings)
            properties |= {e.key: e.value for e in made.metadata_props if e.key == CALIBRATION}
            return finish(made, opset=graphs.opset(made), properties=properties)
    except InputRefused:
        raise
    except Exception as error:
        what = f"cannot be made: {type(error).__name__}: {error}"[:300]
        raise InputRefused.of("EXPORT_VARIANT", name, what, "Leave its targets out.") from error


def calibration_samples(train: LabelledSamples, samples: int, seed: int) -> NDArray[np.uint8]:
    """Pixels of ``samples`` training samples, of every class as near as can be to its share.

    Source: proportional allocation by the largest remainder (Hamilton's method).
    """
    wanted = min(samples, len(train.ids))
    counts = np.bincount(train.labels, minlength=len(train.classes))
    exact = counts * wanted / max(int(counts.sum()), 1)
    quota = np.floor(exact).astype(int)
    for label in np.argsort(quota - exact, kind="stable")[: wanted - int(quota.sum())]:
        quota[label] += 1
    rng = np.random.default_rng(seed)
    rows = [
        rng.permutation(np.flatnonzero(train.labels == label))[:n] for label, n in enumerate(quota)
    ]
    return train.pixels[np.sort(np.concatenate(rows))]


def _static(
    proto: "onnx.ModelProto", train: LabelledSamples | None, settings: QuantisationSettings
) -> "onnx.ModelProto":
    import onnx

    del proto.graph.value_info[:]  # they name the dynamic batch
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.shape.dim[0].dim_value = 1
    return onnx.shape_inference.infer_shapes(proto, strict_mode=True)


def _fp16(
    proto: "onnx.ModelProto", train: LabelledSamples | None, settings: QuantisationSettings
) -> "onnx.ModelProto":
    from onnxruntime.transformers.float16 import convert_float_to_float16

    inside = [n.name for n in proto.graph.node if n.op_type in _FLOAT_OPERATORS]
    return graphs.in_order(
        convert_float_to_float16(proto, keep_io_types=True, node_block_list=inside)
    )


def _int8(
    proto: "onnx.ModelProto", train: LabelledSamples | None, settings: QuantisationSettings
) -> "onnx.ModelProto":
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    if train is None or not train.ids:
        what = "needs training samples to be calibrated on."
        raise InputRefused.of("EXPORT_VARIANT", "int8", what)
    pixels = calibration_samples(train, settings.samples, settings.seed)
    batch = settings.batch if "[1," not in graphs.inputs(proto)["pixels"] else 1
    if graphs.opset(proto) < _QDQ_OPSET:
        proto = onnx.version_converter.convert_version(proto, _QDQ_OPSET)
    reader: Any = _Batches(pixels, batch)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(proto.SerializeToString(deterministic=True))
        quantize_static(
            str(source),
            str(target),
            reader,
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=settings.per_channel,
            reduce_range=settings.reduce_range,
            nodes_to_exclude=_in_float(proto, settings),
        )
        made = onnx.load(str(target))
    made.metadata_props.add(key=CALIBRATION, value=canonical_json(_calibrated(pixels)).decode())
    return made


def _in_float(proto: "onnx.ModelProto", settings: QuantisationSettings) -> list[str]:
    """Names of the nodes that are not quantised.

    Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference" (2018):
    the first and the last layer are the most sensitive ones.
    """
    excluded = [n.name for n in proto.graph.node if n.op_type in _FLOAT_OPERATORS]
    known = {tensor.name for tensor in proto.graph.initializer}
    layers = [
        n.name for n in proto.graph.node if n.op_type in _WEIGHTED and not known.isdisjoint(n.input)
    ]
    ends = settings.float_ends and len(layers) >= _LEAST_LAYERS
    return [*excluded, *((layers[0], layers[-1]) if ends else ())]


def _calibrated(pixels: NDArray[np.uint8]) -> dict[str, float | list[float]]:
    """What the calibration was shown: it decides what a range that is too small is due to."""
    planes = pixels.reshape(-1, pixels.shape[-1]).astype(np.float64)
    return {
        "samples": len(pixels),
        "mean": planes.mean(axis=0).round(3).tolist(),
        "std": planes.std(axis=0).round(3).tolist(),
    }


class _Batches:
    """What onnxruntime's calibration reads."""

    def __init__(self, pixels: NDArray[np.uint8], batch: int) -> None:
        self._calls: Iterator[Mapping[str, NDArray[np.uint8]]] = iter(
            [{"pixels": pixels[i : i + batch]} for i in range(0, len(pixels), batch)]
        )

    def __len__(self) -> int:
        return 0

    def get_next(self) -> Mapping[str, NDArray[np.uint8]] | None:
        """The next batch; None at the end."""
        return next(self._calls, None)


_Maker = Callable[
    ["onnx.ModelProto", LabelledSamples | None, QuantisationSettings], "onnx.ModelProto"
]
_MAKERS: Mapping[str, _Maker] = {"static": _static, "int8": _int8, "fp16": _fp16}


@contextmanager
def _silence() -> Generator[None]:
    """No warnings and log lines of the quantiser: it advises steps that the export has done."""
    root = logging.getLogger()
    before: Any = root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
