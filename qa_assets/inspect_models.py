"""``qa inspect`` of what is no dataset: a model file, weights, a result that a device sent back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qa_assets.core.errors import InputRefused, Problem

MAX_MIB = 2048


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known beside the path.

    Attributes:
        reference: A file that is right: a model, weights, or the request of a result.
        initial: The weights that the training began with.
        devices: Registered devices; any by default.
        runtime: Version of the runtime that the export was checked with; any by default.
        seconds: How long a model may run on trial.
    """

    reference: Path | None = None
    initial: Path | None = None
    devices: tuple[str, ...] = ()
    runtime: str = ""
    seconds: float = 10.0


def inspect_onnx(path: Path, beside: Beside) -> list[Problem]:
    """A model file: its contract first; if that holds it is run, within limits.

    Raises:
        InputRefused: ``ONNX_*``: it must not be run.
    """
    from qa_assets.edge.trial import TrialLimits, judge
    from qa_assets.export import graphs
    from qa_assets.export.likeness import inspect_file, likeness
    from qa_assets.export.settings import ContractLimits

    body = _read(path)
    right = _read(beside.reference) if beside.reference else None
    found = inspect_file(body, likeness(right) if right is not None else None, ContractLimits())
    inputs = graphs.inputs(graphs.parse(body))
    return [*found, *judge(body, inputs, right, TrialLimits(seconds=beside.seconds))]


def inspect_weights(path: Path, beside: Beside) -> list[Problem]:
    """A file of weights; nothing in it is run.

    Raises:
        InputRefused: ``W_*``.
    """
    from qa_assets.training import weight_inspection

    _, problems = weight_inspection.inspect_weights(path, beside.reference, beside.initial)
    return problems


def inspect_device(path: Path, beside: Beside) -> list[Problem]:
    """A result that a device sent back, with the request beside it.

    Raises:
        InputRefused: ``DEV_*``, ``JSON_*``.
    """
    from qa_assets.edge.result_file import ResultLimits, read_request
    from qa_assets.edge.results import inspect_result

    request = read_request(beside.reference or path.with_name("request.json"))
    limits = ResultLimits(devices=beside.devices, runtime=beside.runtime)
    return inspect_result(path, request, limits)


KINDS: Mapping[str, Callable[[Path, Beside], list[Problem]]] = {
    "onnx": inspect_onnx,
    "weights": inspect_weights,
    "device": inspect_device,
}
"""How each kind is looked at, by name."""


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise InputRefused.of("ONNX_MISSING", path.name, "is no file.", "Name an ONNX file.")
    if path.stat().st_size > MAX_MIB << 20:
        raise InputRefused.of("ONNX_SIZE", path.name, f"is larger than {MAX_MIB} MiB.")
    return path.read_bytes()
