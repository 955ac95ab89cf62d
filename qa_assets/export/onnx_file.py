"""The trained network as one ONNX file: raw pixels in, logits and probabilities out."""

import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import canonical_json, digest_bytes
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import GOLDEN, MODEL, OnnxModel, Variant, VariantName
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.export.contract import Inspection, expected_ports, inspect
from qa_assets.export.departure import as_it_was, left_at
from qa_assets.export.finish import finish
from qa_assets.export.settings import ExportSettings
from qa_assets.export.variants import make_variant
from qa_assets.preprocessing.samples import LabelledSamples

if TYPE_CHECKING:
    import onnx

INPUT, OUTPUTS = "pixels", ("logits", "probabilities")


def export(
    network: torch.nn.Module,
    test: LabelledSamples,
    spec: InputSpec,
    settings: ExportSettings,
    provenance: Mapping[str, str],
    *,
    variants: Sequence[VariantName] = (),
    train: LabelledSamples | None = None,
    golden: Mapping[str, bytes] | None = None,
) -> OnnxModel:
    """Export ``network`` with its preprocessing, and let the reference runtime answer ``test``.

    Args:
        network: Takes float32 (batch, channel, height, width), gives logits (batch, class).
        test: Samples whose reference answers are kept with the model.
        spec: The preprocessing that goes inside.
        settings: Opset, batch and limits.
        provenance: Where the model comes from; ``weights_digest`` among it.
        variants: What else is made of the file.
        train: What int8 is calibrated on.
        golden: Raw bytes by id of the test samples that are kept to compare devices on.

    Returns:
        The file, what the contract found wrong with it, and the reference answers.

    Raises:
        InputRefused: ``ONNX_EXPORT`` where the network cannot be expressed in ONNX,
            ``ONNX_CONTRACT`` where its inputs or outputs are not those declared (a number of
            classes, a batch that it fixes), ``ONNX_VERSION`` where it needs another opset,
            ``EXPORT_VARIANT`` where a variant cannot be made of it.
    """
    body = finish(
        _translate(network, spec, settings),
        opset=settings.opset,
        properties=_properties(spec, test.classes, provenance),
    )
    ports = expected_ports(spec, len(test.classes), dynamic_batch=settings.dynamic_batch)
    found = inspect(body, ports, settings.contract)
    if broken := [fault for fault in found.faults if fault.code == "ONNX_CONTRACT"]:
        raise InputRefused(*broken)  # the reference runtime could not even be asked
    try:
        logits = run_reference(body, test.pixels, settings.batch if settings.dynamic_batch else 1)
    except Exception as error:  # the runtime's have no base; the contract often knows why
        unknown = Problem("ONNX_INVALID", MODEL, f"cannot be run: {str(error)[:200]}")
        raise InputRefused(*(found.faults or (unknown,))) from error
    record = _record(body, found, test.ids, logits)
    files = {GOLDEN: _golden(golden or {}), **record.files}
    made: dict[VariantName, Variant] = {}
    departs = left_at(network, body, test.pixels, logits, spec)
    for name in () if departs else variants:  # of another network nothing more is made
        other = make_variant(name, body, train, settings.quantisation)
        made[name], answers = _variant(name, other, test, spec, settings)
        files |= {f"model.{name}.onnx": other, f"logits.{name}.npy": array_bytes(answers)}
    return replace(record, variants=made, files=files, departs=departs)


def _variant(
    name: VariantName, body: bytes, test: LabelledSamples, spec: InputSpec, settings: ExportSettings
) -> tuple[Variant, NDArray[np.float32]]:
    dynamic = settings.dynamic_batch and name != "static"
    ports = expected_ports(spec, len(test.classes), dynamic_batch=dynamic)
    found = inspect(body, ports, settings.contract)
    try:
        logits = run_reference(body, test.pixels, settings.batch if dynamic else 1)
    except Exception as error:  # the runtime's exceptions have no base
        what = f"is made, and cannot be run: {' '.join(str(error).split())[:200]}"
        raise InputRefused.of("EXPORT_VARIANT", name, what, "Leave its targets out.") from error
    faults = tuple(str(fault) for fault in found.faults)
    versions = (found.opset, found.ir_version)
    return Variant(digest_bytes(body), len(body), *versions, found.inputs, faults), logits


def _golden(payloads: Mapping[str, bytes]) -> bytes:
    import pandas as pd

    ids = sorted(payloads)
    return table_bytes(pd.DataFrame({"id": ids, "payload": [payloads[i] for i in ids]}))


def run_reference(model: bytes, pixels: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
    """Logits of the reference runtime, onnxruntime on one thread.

    Args:
        model: Bytes of a model file of ours.
        pixels: uint8, shape (sample, height, width, channel).
        batch: Samples a call.

    Returns:
        float32, shape (sample, class).
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    starts = range(0, len(pixels), batch)
    calls = [session.run([OUTPUTS[0]], {INPUT: pixels[i : i + batch]}) for i in starts]
    return np.concatenate([np.asarray(logits, np.float32) for (logits,) in calls])


class _FromPixels(torch.nn.Module):
    """The network behind its own preprocessing; see ``preprocessing.image.normalise``."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: torch.nn.Module, spec: InputSpec) -> None:
        super().__init__()
        self.network, self.scale = network, spec.scale
        self.register_buffer("mean", torch.tensor(spec.mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(spec.std, dtype=torch.float32))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (batch, height, width, channel) -> logits and probabilities (batch, class)."""
        seen = (pixels.to(torch.float32) / self.scale - self.mean) / self.std
        logits = self.network(seen.permute(0, 3, 1, 2))
        return logits, torch.softmax(logits, dim=1)


def _translate(
    network: torch.nn.Module, spec: InputSpec, settings: ExportSettings
) -> "onnx.ModelProto":
    dynamic = settings.dynamic_batch
    # The exporter takes a batch of one for a constant, so a dynamic one is shown two samples.
    example = torch.zeros((2 if dynamic else 1, *spec.shape), dtype=torch.uint8)
    try:
        with as_it_was(network), _silence():
            program = torch.onnx.export(
                _FromPixels(network, spec).eval(),
                (example,),
                dynamo=True,
                verbose=False,
                external_data=False,
                opset_version=settings.opset,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes=({0: torch.export.Dim("batch")},) if dynamic else None,
            )
    except Exception as error:
        raise _refused(network, error) from error
    if program is None:
        raise _refused(network, RuntimeError("the exporter returned nothing"))
    return program.model_proto


def _refused(network: torch.nn.Module, error: Exception) -> InputRefused:
    cause = error.__cause__ or error
    reason = next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
    return InputRefused.of(
        "ONNX_EXPORT",
        type(network).__name__,
        f"cannot be expressed in ONNX: {type(cause).__name__}: {reason[:300]}",
        "The network must take (batch, channel, height, width) of any batch, give one tensor"
        " (batch, class), and not branch on values.",
    )


@contextmanager
def _silence() -> Generator[None]:
    """No warnings and log lines of the exporter: they concern packages that nobody asked for."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _properties(
    spec: InputSpec, classes: tuple[str, ...], provenance: Mapping[str, str]
) -> dict[str, str]:
    steps: list[dict[str, Any]] = [
        {"step": "cast", "to": "float32"},
        {"step": "divide", "by": spec.scale},
        {"step": "subtract", "value": spec.mean},
        {"step": "divide", "by": spec.std},
        {"step": "transpose", "to": "NCHW"},
    ]
    values = {
        "input_spec": spec.model_dump(mode="json"),
        "labels": classes,
        "preprocessing": {"inside": True, "steps": steps},
        "provenance": dict(provenance),
    }
    return {key: canonical_json(value).decode() for key, value in values.items()}


def _record(
    body: bytes, found: Inspection, ids: tuple[str, ...], logits: NDArray[np.float32]
) -> OnnxModel:
    import pandas as pd

    return OnnxModel(
        sha256=digest_bytes(body),
        size=len(body),
        opset=found.opset,
        ir_version=found.ir_version,
        operators=found.operators,
        inputs=found.inputs,
        outputs=found.outputs,
        properties=found.properties,
        faults=tuple(str(fault) for fault in found.faults),
        external_files=found.external_files,
        weights_digest=found.weights_digest,
        files={
            MODEL: body,
            SAMPLES: table_bytes(pd.DataFrame({"id": list(ids)})),
            LOGITS: array_bytes(logits),
        },
    )
