"""What is wrong with a model file: a pure function of its bytes, safe on hostile ones."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.export import MODEL
from qa_assets.export import graphs
from qa_assets.export.settings import ContractLimits

if TYPE_CHECKING:
    import onnx

_LOCAL_PATH = re.compile(
    r"""(?:^|[\s"'(=:,\[])(?:/(?:[\w.@+-]+/)+[\w.@+-]+|[A-Za-z]:\\[^\s"']+)|File ".*", line \d+"""
)
_MIB = 1 << 20
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Ports:
    """Names and types that a model must offer.

    Attributes:
        inputs: Name -> ``dtype[shape]``.
        outputs: Name -> ``dtype[shape]``.
    """

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a model file says of itself, and what is wrong with it; see ``OnnxModel``."""

    opset: int
    ir_version: int
    operators: Mapping[str, int]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    properties: Mapping[str, str]
    faults: tuple[Problem, ...]
    external_files: tuple[str, ...]

    @property
    def weights_digest(self) -> str:
        """Of the weights inside, as the file's own provenance names it; "" where it does not."""
        provenance = _json(self.properties.get("provenance", ""))
        return str(provenance.get("weights_digest", "")) if isinstance(provenance, dict) else ""


def expected_ports(spec: InputSpec, classes: int, *, dynamic_batch: bool) -> Ports:
    """The ports of a classifier of images: ``pixels`` in, ``logits`` and ``probabilities`` out."""
    batch = "batch" if dynamic_batch else "1"
    answers = f"float32[{batch}, {classes}]"
    pixels = f"uint8[{batch}, {', '.join(map(str, spec.shape))}]"
    return Ports({"pixels": pixels}, {"logits": answers, "probabilities": answers})


def inspect(model: bytes, ports: Ports, limits: ContractLimits) -> Inspection:
    """Read ``model`` and hold it against the contract; nothing in it is run or followed.

    ONNX's own checker sees only what broke none of our limits: it trusts its input.

    Raises:
        InputRefused: ``ONNX_CORRUPT`` where the bytes are no ONNX model at all,
            ``ONNX_SIZE`` where there are too many of them.
    """
    if len(model) > limits.max_mib * _MIB:
        what = f"has {len(model) / _MIB:.1f} MiB, at most {limits.max_mib} are accepted."
        raise InputRefused.of("ONNX_SIZE", MODEL, what)
    proto = graphs.parse(model)
    inputs, outputs = graphs.inputs(proto), graphs.ports(proto.graph.output)
    faults = [
        *_versions(proto, limits),
        *_bounds(proto, limits),
        *_external(proto),
        *_operators(proto, limits),
        *_ports("input", inputs, ports.inputs),
        *_ports("output", outputs, ports.outputs),
        *_metadata(proto, limits),
    ]
    return Inspection(
        opset=graphs.opset(proto),
        ir_version=proto.ir_version,
        operators=dict(sorted(Counter(map(graphs.operator, graphs.nodes(proto))).items())),
        inputs=inputs,
        outputs=outputs,
        properties={entry.key: entry.value for entry in proto.metadata_props},
        faults=tuple(faults or _checker(proto)),
        external_files=tuple(sorted({_location(t) for t in graphs.tensors(proto) if _outside(t)})),
    )


def _versions(proto: "onnx.ModelProto", limits: ContractLimits) -> Iterator[Problem]:
    import onnx

    newest, opset = onnx.defs.onnx_opset_version(), graphs.opset(proto)
    if not opset:
        yield _fault("ONNX_INVALID", "names no opset.")
    elif not limits.min_opset <= opset <= newest:
        right = f"{limits.min_opset} to {newest} are known here."
        yield _fault("ONNX_VERSION", f"needs opset {opset}.", right)
    if not 0 < proto.ir_version <= onnx.IR_VERSION:
        right = f"1 to {onnx.IR_VERSION} are known here."
        yield _fault("ONNX_VERSION", f"has file format version {proto.ir_version}.", right)


def _bounds(proto: "onnx.ModelProto", limits: ContractLimits) -> Iterator[Problem]:
    functions = len(proto.functions)
    if functions > limits.max_functions:
        right = f"At most {limits.max_functions} are accepted."
        yield _fault("ONNX_INVALID", f"defines {functions} functions of its own.", right)
    depth = max(depth for _, depth in graphs.graphs(proto))
    if depth > limits.max_depth:
        right = f"At most {limits.max_depth} are accepted."
        yield _fault("ONNX_INVALID", f"nests graphs {depth} deep.", right)
    for tensor in graphs.tensors(proto):
        if any(size < 0 for size in tensor.dims):
            yield _fault("ONNX_INVALID", f"tensor {tensor.name} has a negative size.")


def _external(proto: "onnx.ModelProto") -> Iterator[Problem]:
    for tensor in graphs.tensors(proto):
        if _outside(tensor):
            what = f"keeps tensor {tensor.name} in {_location(tensor)!r}, which is not read."
            yield _fault("ONNX_EXTERNAL", what, "Export everything into one file.")


def _operators(proto: "onnx.ModelProto", limits: ContractLimits) -> Iterator[Problem]:
    import onnx

    opset, own = graphs.opset(proto), {(f.domain, f.name) for f in proto.functions}
    for name, node in sorted({graphs.operator(n): n for n in graphs.nodes(proto)}.items()):
        if (node.domain, node.op_type) in own:
            continue
        if node.domain not in limits.domains:
            what = f"uses {name}, which needs a library for the domain {node.domain}."
            yield _fault("ONNX_OP", what, "Use standard operators only.")
            continue
        try:
            onnx.defs.get_schema(node.op_type, max_inclusive_version=opset)
        except onnx.defs.SchemaError:
            yield _fault("ONNX_OP", f"uses operator {name}, which opset {opset} does not have.")


def _ports(side: str, found: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Problem]:
    names = ", ".join(map(repr, found)) or "none"
    for name, kind in expected.items():
        if name not in found:
            what = f"has no {side} {name!r}; it has {names}."
            yield _fault("ONNX_CONTRACT", what, f"Expected is {name}: {kind}.")
        elif found[name] != kind:
            what = f"{side} {name!r} is {found[name]}. Expected is {kind}."
            yield _fault("ONNX_CONTRACT", what, "Export the model again.")
    for name in found.keys() - expected.keys():
        yield _fault("ONNX_CONTRACT", f"has an {side} {name!r} that nobody asked for.")


def _metadata(proto: "onnx.ModelProto", limits: ContractLimits) -> Iterator[Problem]:
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    for key in limits.properties:
        if key not in properties:
            yield _fault("ONNX_META", f"metadata {key!r} is missing.", "Export the model again.")
        elif _json(properties[key]) is None:
            yield _fault("ONNX_META", f"metadata {key!r} is not JSON.", "Export the model again.")
    for place, text in _remarks(proto):
        if path := _LOCAL_PATH.search(text):
            what = f"{place} tells where it was made: {path.group().strip()[:_SHOWN]!r}."
            yield _fault("ONNX_META", what, "Strip documentation and metadata.")


def _remarks(proto: "onnx.ModelProto") -> Iterator[tuple[str, str]]:
    """Free text in the file: where it stands and what it says; labels may look like paths."""
    for entry in proto.metadata_props:
        if entry.key != "labels":
            yield f"metadata {entry.key!r}", entry.value
    parts: list[Any] = [proto, *(graph for graph, _ in graphs.graphs(proto)), *graphs.nodes(proto)]
    parts += [*graphs.tensors(proto), *proto.graph.input, *proto.graph.output]
    parts += [*proto.graph.value_info, *proto.functions]
    for part in parts:
        yield f"the doc string of {getattr(part, 'name', '') or 'the model'!r}", part.doc_string
        for entry in () if part is proto else part.metadata_props:
            yield f"metadata {entry.key!r} of {part.name!r}", entry.value


def _checker(proto: "onnx.ModelProto") -> Iterator[Problem]:
    import onnx

    try:
        onnx.checker.check_model(proto, full_check=True)
    except Exception as error:  # whatever the checker cannot digest is not well formed
        told = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        yield _fault("ONNX_INVALID", " ".join(told)[:_SHOWN])


def _outside(tensor: "onnx.TensorProto") -> bool:
    return tensor.data_location == tensor.EXTERNAL or len(tensor.external_data) > 0


def _location(tensor: "onnx.TensorProto") -> str:
    return next((e.value for e in tensor.external_data if e.key == "location"), "")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _fault(code: str, what: str, remedy: str = "") -> Problem:
    return Problem(code, MODEL, what, remedy)
