"""A model file beside one that is right: the same ports, the same inference parameters."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.export import MODEL
from qa_assets.export import graphs
from qa_assets.export.contract import Ports, inspect
from qa_assets.export.settings import ContractLimits

if TYPE_CHECKING:
    import onnx

_DEEP = 8
"""Graphs nested deeper than this are accepted, and spoken of."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a file must be like.

    Attributes:
        ports: Its inputs and outputs.
        properties: What its metadata says, where that is JSON.
    """

    ports: Ports
    properties: Mapping[str, Any]


def likeness(reference: bytes) -> Likeness:
    """What files that do the same as ``reference`` are like.

    Raises:
        InputRefused: ``ONNX_CORRUPT``: the reference itself is not readable.
    """
    proto = graphs.parse(reference)
    properties = {e.key: _json(e.value) for e in proto.metadata_props}
    known = {key: value for key, value in properties.items() if value is not None}
    return Likeness(Ports(graphs.inputs(proto), graphs.ports(proto.graph.output)), known)


def inspect_file(model: bytes, like: Likeness | None, limits: ContractLimits) -> list[Problem]:
    """Hold a file against the contract; nothing in it is run.

    Args:
        model: The file.
        like: What it must be like; by default any ports and metadata are right.
        limits: What any file may be.

    Returns:
        What should fail a gate (errors) or is odd (warnings).

    Raises:
        InputRefused: ``ONNX_*``: it must not be run at all.
    """
    proto = graphs.parse(model)
    if like is None:
        own = Ports(graphs.inputs(proto), graphs.ports(proto.graph.output))
        like = Likeness(own, {})
    bound = limits.model_copy(update={"properties": tuple(like.properties)})
    found = inspect(model, like.ports, bound)
    if found.faults:
        raise InputRefused(*found.faults)
    return [*_otherwise(found.properties, like.properties), *_odd(proto)]


def _otherwise(found: Mapping[str, str], right: Mapping[str, Any]) -> Iterator[Problem]:
    """Inference parameters that are not those of the reference: which value of which key."""
    for key, value in right.items():
        for place in _differing(_json(found.get(key, "")), value, key):
            what = f"metadata {place} is not that of the reference"
            yield Problem("ONNX_META", MODEL, f"{what}: {found.get(key, '')[:120]}.")


def _differing(found: Any, right: Any, place: str) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(right, dict):
        for key in sorted({*found, *right}):
            yield from _differing(found.get(key), right.get(key), f"{place}.{key}")
    elif found != right:
        yield place


def _odd(proto: "onnx.ModelProto") -> Iterator[Problem]:
    depth = max(depth for _, depth in graphs.graphs(proto))
    if depth > _DEEP:
        what = f"nests graphs {depth} deep: few runtimes are tested with that."
        yield Problem("ONNX_INVALID", MODEL, what, "", "warning")
    if dead := _dead(proto):
        what = f"makes {', '.join(dead[:10])}, which nothing uses."
        yield Problem("ONNX_DEAD_NODES", MODEL, what, "Export it without them.", "warning")


def _dead(proto: "onnx.ModelProto") -> list[str]:
    """Results of the main graph that lead to no output."""
    needed = {port.name for port in proto.graph.output}
    dead: list[str] = []
    for node in reversed(proto.graph.node):
        if needed.isdisjoint(node.output):
            dead += [name for name in node.output if name]
        else:
            needed.update(_read(node))
    return dead


def _read(node: "onnx.NodeProto") -> Iterator[str]:
    """What a node takes, also inside the graphs that it holds."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _read(inner)
            yield from (port.name for port in graph.output)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
