"""YAML text as a tree that remembers its lines, read by rules that never guess.

The rules: one document, UTF-8, plain mappings, lists and scalars. No tags, anchors, aliases or
merge keys. A key appears once. Numbers are decimal and finite. A plain word that YAML 1.1 and 1.2
read differently (``no``, ``010``, ``1:30``, a date) is refused until it is quoted.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from qa_assets.core.errors import InputRefused, Problem

Scalar = str | int | float | bool | None
MAX_BYTES = 262_144
MAX_DEPTH = 32
_MAX_DIGITS = 300
_TEXT = "tag:yaml.org,2002:str"
_PLAIN: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (re.compile(r"|~|null|Null|NULL"), lambda _: None),
    (re.compile(r"true|True|TRUE"), lambda _: True),
    (re.compile(r"false|False|FALSE"), lambda _: False),
    (re.compile(r"[-+]?(0|[1-9][0-9]*)"), lambda text: int(text[:_MAX_DIGITS])),
    (
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+)"),
        float,
    ),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda _: math.nan),
)
"""How a plain scalar is read: the core schema of YAML 1.2, numbers in decimal only."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One value of the file.

    Attributes:
        line: Where it begins, from 1; for the value of a key, the line of the key.
        value: A scalar, a list of trees, or trees by key.
    """

    line: int
    value: "Scalar | list[Tree] | dict[str, Tree]"

    def plain(self) -> object:
        """The value alone, as JSON would hold it."""
        if isinstance(self.value, dict):
            return {key: tree.plain() for key, tree in self.value.items()}
        if isinstance(self.value, list):
            return [tree.plain() for tree in self.value]
        return self.value


def read_tree(path: Path) -> Tree:
    """Read one YAML file.

    Raises:
        InputRefused: ``CONF_MISSING``, ``YAML_SIZE``, ``YAML_ENCODING``, ``YAML_SYNTAX``,
            ``YAML_EMPTY``, ``YAML_TAG``, ``YAML_ALIAS``, ``YAML_DEPTH``, ``YAML_DUPLICATE``,
            ``YAML_TYPE``, ``CONF_TYPE`` (an ambiguous scalar) or ``CONF_RANGE`` (not finite).
    """
    root = _compose(_read_text(path), path)
    if root is None:
        raise InputRefused.of(
            "YAML_EMPTY", str(path), "holds no settings.", "Nothing is assumed: write them down."
        )
    growth = _Growth(path, [])
    tree = growth.tree(root, root.start_mark.line + 1, ())
    if growth.problems:
        raise InputRefused(*growth.problems)
    return tree


def located(path: Path, line: int, keys: tuple[str, ...]) -> str:
    """``file:line key.path``, printable whatever the keys hold."""
    return f"{path}:{line} {shown('.'.join(keys), most=120)}".rstrip()


def shown(text: str, *, most: int = 60) -> str:
    """``text`` on one line, cut to ``most`` characters, without control characters."""
    line = "".join(c if c.isprintable() else "\ufffd" for c in text[: most + 1])
    return line if len(line) <= most else f"{line[:most]}..."


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            body = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputRefused.of(
            "CONF_MISSING", str(path), f"cannot be read: {error.strerror}.", "Check the path."
        ) from error
    if len(body) > MAX_BYTES:
        raise InputRefused.of(
            "YAML_SIZE", str(path), f"is larger than {MAX_BYTES} bytes.", "Settings are short."
        )
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InputRefused.of(
            "YAML_ENCODING",
            located(path, line, ()),
            f"byte 0x{body[error.start]:02x} is not UTF-8.",
            "Save the file as UTF-8.",
        ) from error


class _Fault(Exception):
    def __init__(self, code: str, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code, self.line, self.message, self.remedy = code, line, message, remedy


class _StrictLoader(yaml.SafeLoader):
    """Looks at every node before it is composed, so nothing grows or recurses unseen."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Fault(
                "YAML_ALIAS", line, "anchors and aliases are not used here.", "Write the value out."
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise _Fault(
                "YAML_TAG", line, f"tag {shown(tag)!r} is not allowed.", "Write a plain value."
            )
        if self.depth >= MAX_DEPTH:
            raise _Fault("YAML_DEPTH", line, f"is nested deeper than {MAX_DEPTH}.", "Flatten it.")
        self.depth += 1
        try:
            return super().compose_node(parent, index)  # pyright: ignore[reportArgumentType]
        finally:
            self.depth -= 1


def _compose(text: str, path: Path) -> yaml.Node | None:
    remedy = "Spaces indent, and a file holds one document."
    try:
        loader = _StrictLoader(text)
        return loader.get_single_node()
    except _Fault as fault:
        place = located(path, fault.line, ())
        raise InputRefused.of(fault.code, place, fault.message, fault.remedy) from fault
    except yaml.reader.ReaderError as error:
        place = located(path, text.count("\n", 0, error.position) + 1, ())
        found = ord(text[error.position])
        raise InputRefused.of(
            "YAML_SYNTAX", place, f"control character U+{found:04X} is not allowed.", remedy
        ) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise InputRefused.of(
            "YAML_SYNTAX",
            located(path, line, ()),
            f"line {line}, column {column}: {shown(error.problem or str(error), most=200)}.",
            remedy,
        ) from error


@dataclass(frozen=True, slots=True)
class _Growth:
    path: Path
    problems: list[Problem]

    def tree(self, node: yaml.Node, line: int, keys: tuple[str, ...]) -> Tree:
        if isinstance(node, yaml.MappingNode):
            return Tree(line, self.mapping(node, keys))
        if isinstance(node, yaml.SequenceNode):
            items = [
                self.tree(n, n.start_mark.line + 1, (*keys, str(i)))
                for i, n in enumerate(node.value)
            ]
            return Tree(line, items)
        assert isinstance(node, yaml.ScalarNode)
        return Tree(line, self.scalar(node, line, keys))

    def mapping(self, node: yaml.MappingNode, keys: tuple[str, ...]) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.refuse("YAML_TYPE", line, keys, "a key must be text.", "")
                continue
            name = key.value
            inner = (*keys, name)
            if key.tag == "tag:yaml.org,2002:merge":
                self.refuse("YAML_ALIAS", line, inner, "merge keys are not used here.", "")
            elif name in entries:
                message = (
                    f"key {shown(name)!r} appears twice, lines {entries[name].line} and {line}."
                )
                self.refuse("YAML_DUPLICATE", line, inner, message, "Keep one of them.")
            else:
                entries[name] = self.tree(value, line, inner)
        return entries

    def scalar(self, node: yaml.ScalarNode, line: int, keys: tuple[str, ...]) -> Scalar:
        text = node.value
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            self.refuse("YAML_ENCODING", line, keys, "half a surrogate pair is no text.", "")
            return None
        if node.style is not None:
            return text
        for pattern, read in _PLAIN:
            if pattern.fullmatch(text):
                return self.finite(read(text), text, line, keys)
        if node.tag != _TEXT:
            kind = node.tag.rpartition(":")[2]
            message = f"{shown(text)!r} is text to one YAML reader and {kind} to another."
            self.refuse(
                "CONF_TYPE", line, keys, message, f"Quote it ('{shown(text)}') or write a number."
            )
        return text

    def finite(self, value: Scalar, text: str, line: int, keys: tuple[str, ...]) -> Scalar:
        too_long = isinstance(value, int) and len(text) > _MAX_DIGITS
        if too_long or (isinstance(value, float) and not math.isfinite(value)):
            self.refuse("CONF_RANGE", line, keys, f"{shown(text)} is not a finite number.", "")
            return None
        return value

    def refuse(
        self, code: str, line: int, keys: tuple[str, ...], message: str, remedy: str
    ) -> None:
        self.problems.append(Problem(code, located(self.path, line, keys), message, remedy))
