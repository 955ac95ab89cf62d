"""Settings from a YAML file: every fault is named with its file, line and key, none is guessed."""

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import ErrorDetails

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.yaml_tree import Tree, located, read_tree, shown

T = TypeVar("T", bound=BaseModel)
_BESIDE = "type"
"""The one key that may stand beside the settings: it names the component they are for."""
_OUT_OF_RANGE = frozenset(
    {
        "assertion_error",
        "enum",
        "finite_number",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "literal_error",
        "multiple_of",
        "string_pattern_mismatch",
        "string_too_long",
        "string_too_short",
        "too_long",
        "too_short",
        "value_error",
    }
)


def load_settings(path: Path, model: type[T], *, at: tuple[str, ...] = ()) -> T:
    """Read the settings under the keys ``at``, strictly: no type is converted.

    Lists fill tuples, and text fills paths and choices; otherwise a value has the field's type.
    A validator that raises ``PydanticCustomError("CONF_PATH", ...)`` chooses its own code.

    Raises:
        InputRefused: One problem a fault: the codes of :func:`yaml_tree.read_tree`, and
            ``CONF_UNKNOWN``, ``CONF_MISSING``, ``CONF_TYPE``, ``CONF_RANGE`` and ``YAML_TYPE``.
    """
    tree = _descend(read_tree(path), at, path)
    try:
        return model.model_validate_json(json.dumps(tree.plain()), strict=True)
    except ValidationError as error:
        explain = _Explanation(path, model, tree, at)
        details = error.errors(include_url=False)
        raise InputRefused(*(explain.problem(detail) for detail in details)) from error


def _descend(tree: Tree, at: tuple[str, ...], path: Path) -> Tree:
    for depth, key in enumerate(at):
        entries = _entries(tree, path, at[:depth])
        known = (_BESIDE, key)
        problems = [
            Problem("CONF_UNKNOWN", located(path, t.line, (*at[:depth], k)), *_unknown(k, known))
            for k, t in entries.items()
            if k not in known
        ]
        if key not in entries:
            place = located(path, tree.line, (*at[:depth], key))
            problems.append(Problem("CONF_MISSING", place, f"key {key!r} is required."))
        if problems:
            raise InputRefused(*problems)
        tree = entries[key]
    _entries(tree, path, at)
    return tree


def _entries(tree: Tree, path: Path, keys: tuple[str, ...]) -> dict[str, Tree]:
    if isinstance(tree.value, dict):
        return tree.value
    raise InputRefused.of(
        "YAML_TYPE",
        located(path, tree.line, keys),
        f"keys with values were expected, found {_kind(tree)}.",
        "Write 'key: value' lines.",
    )


def _unknown(key: str, known: tuple[str, ...]) -> tuple[str, str]:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    remedy = f"Known keys: {', '.join(known)}." if known else "Remove it."
    return f"unknown key {shown(key)!r}{hint}.", remedy


@dataclass(frozen=True, slots=True)
class _Explanation:
    """Turns what the model refused into problems with lines."""

    path: Path
    model: type[BaseModel]
    tree: Tree
    at: tuple[str, ...]

    def problem(self, detail: ErrorDetails) -> Problem:
        keys, node = self.find(detail["loc"])
        if detail["type"] == "missing":
            keys = (*keys, str(detail["loc"][-1]))
            code, message, remedy = "CONF_MISSING", f"key {keys[-1]!r} is required.", ""
        elif detail["type"] == "extra_forbidden":
            known = tuple(sorted(self.known(keys[:-1])))
            code, (message, remedy) = "CONF_UNKNOWN", _unknown(keys[-1], known)
        else:
            code = _code(detail, node)
            said = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            message = f"{shown(said, most=300)}; found {_kind(node)}."
            remedy = _remedy(detail, node)
        return Problem(code, located(self.path, node.line, (*self.at, *keys)), message, remedy)

    def find(self, loc: tuple[int | str, ...]) -> tuple[tuple[str, ...], Tree]:
        """The keys of ``loc`` that are in the file (others name members of a union)."""
        keys, node = (), self.tree
        for part in loc:
            if isinstance(node.value, dict) and part in node.value:
                node = node.value[str(part)]
            elif isinstance(node.value, list) and isinstance(part, int):
                node = node.value[part]
            else:
                continue
            keys = (*keys, str(part))
        return keys, node

    def known(self, keys: tuple[str, ...]) -> set[str]:
        """The fields that the model has under ``keys``; none where it has no schema."""
        try:
            schema = self.model.model_json_schema()
        except PydanticUserError:
            return set()
        level = list(_alternatives(schema, schema))
        for key in keys:
            level = [a for s in level for n in _below(s, key) for a in _alternatives(n, schema)]
        return {name for s in level for name in s.get("properties", {})}


Schema = Mapping[str, Any]


def _alternatives(node: Schema, root: Schema) -> Iterator[Schema]:
    if "$ref" in node:
        yield from _alternatives(root["$defs"][node["$ref"].rpartition("/")[2]], root)
        return
    yield node
    for union in ("anyOf", "oneOf", "allOf"):
        for member in node.get(union, ()):
            yield from _alternatives(member, root)


def _below(schema: Schema, key: str) -> Iterator[Schema]:
    named = schema.get("properties", {}).get(key)
    if named is not None:
        yield named
        return
    for rest in ("additionalProperties", "items"):
        if isinstance(schema.get(rest), dict):
            yield schema[rest]


def _code(detail: ErrorDetails, node: Tree) -> str:
    kind = detail["type"]
    if kind.isupper():
        return kind
    if kind == "too_short" and node.value == {}:
        return "CONF_MISSING"
    return "CONF_RANGE" if kind in _OUT_OF_RANGE else "CONF_TYPE"


def _remedy(detail: ErrorDetails, node: Tree) -> str:
    context, value = detail.get("ctx", {}), node.value
    if context.get("le") == 1 and isinstance(value, int | float) and 1 < value <= 100:
        return f"A share lies in [0, 1]: did you mean {value / 100:g}?"
    if "expected" in context and isinstance(value, str):
        choices = [c.strip(" '") for c in str(context["expected"]).replace(" or ", ",").split(",")]
        close = difflib.get_close_matches(value, choices, n=1)
        return f"Did you mean {close[0]!r}?" if close else ""
    if detail["type"] == "string_type" and not isinstance(value, dict | list):
        return "Quote it."
    return ""


def _kind(tree: Tree) -> str:
    value = tree.value
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        return f"text {shown(value)!r}"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"the number {value}"
