"""What every artifact is: a frozen record, its files, and the words its page shows."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.folders import files_below
from qa_assets.core.publish import Content
from qa_assets.core.store import content_digest

RECORD = "record.json"
INLINE_PICTURE_BYTES = 40_000
"""Pictures in metadata live in the event database for ever, so larger ones stay in the store."""


class Markdown(str):
    """Text that is shown as Markdown; whoever makes it escapes what came from data."""

    __slots__ = ()


_LITERAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]|#~!$"} | {c: f"&#{ord(c)};" for c in "<>&"})
Metadata = Mapping[str, "str | int | float | bool | Markdown"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number with its confidence interval.

    Attributes:
        value: The point estimate.
        low: Lower end of the interval.
        high: Upper end of the interval.
        n: Number of samples behind it.
        confidence: Coverage of the interval, in [0, 1].
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}] (n = {self.n})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An artifact: fields that JSON can hold, and named files.

    Its digest is the digest of all its bytes, so equal content is the same artifact whatever it
    is called and whenever it was made. Nothing in a record tells the time or a place.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", ser_json_inf_nan="strings"
    )
    files: Content = field(default_factory=dict[str, bytes | Path], repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Digest of the fields and files."""
        return content_digest(self.content())

    def content(self) -> dict[str, bytes | Path]:
        """All of it as files, the fields among them: what is published."""
        values = _adapter(type(self)).dump_python(self, mode="json", exclude={"files"})
        return {**self.files, RECORD: canonical_json(_spell_nonfinite(values))}

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a record from its verified folder; its files stay where they are.

        Raises:
            InputRefused: ``RECORD_SCHEMA``: the fields are not those of this kind of record.
        """
        files = {name: path for name, path in files_below(folder) if path.is_file()}
        body = files.pop(RECORD, None)
        files.pop("MANIFEST.json", None)
        try:
            record = _adapter(cls).validate_json(body.read_bytes() if body else b"null")
        except ValidationError as error:
            raise InputRefused.of(
                "RECORD_SCHEMA",
                folder.name,
                f"is no {cls.__name__} of this version: {error.error_count()} fields differ.",
                "Run the pipeline again.",
            ) from error
        object.__setattr__(record, "files", files)
        return record

    def read(self, name: str) -> bytes:
        """The bytes of one of its files."""
        body = self.files[name]
        return body if isinstance(body, bytes) else body.read_bytes()

    def metadata(self) -> Metadata:
        """What the record's page shows: every number and short text among the fields."""
        shown: dict[str, str | int | float | bool | Markdown] = {}
        for entry in fields(self):
            value: Any = getattr(self, entry.name)
            if isinstance(value, Estimate):
                shown[entry.name] = value.value
                shown[f"{entry.name}_low"] = value.low
            elif isinstance(value, str | int | float | bool):
                shown[entry.name] = value
        return shown

    def picture(self, name: str, text: str) -> Markdown:
        """One of its picture files (PNG or SVG) as Markdown with the picture inside."""
        body = self.read(name)
        if len(body) > INLINE_PICTURE_BYTES:
            return Markdown(f"{text}: see `{name}` in the artifact ({len(body) // 1000} kB)")
        return inline_picture(body, "svg+xml" if name.endswith(".svg") else "png", text)


def inline_picture(body: bytes, kind: str, text: str) -> Markdown:
    """A picture as Markdown that needs no other file."""
    return Markdown(f"![{text}](data:image/{kind};base64,{base64.b64encode(body).decode()})")


def escape(text: object) -> str:
    """``text`` as Markdown shows it literally, on one line."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(text)).translate(_LITERAL)


def table(
    columns: tuple[str, ...], rows: "list[tuple[object, ...]]", *, most: int = 50
) -> Markdown:
    """A Markdown table; cells are escaped, and what is cut off is counted."""
    lines = ["| " + " | ".join(_cell(c) for c in columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(c) for c in row) + " |" for row in rows[:most]]
    if len(rows) > most:
        lines.append(f"\n... and {len(rows) - most} more")
    return Markdown("\n".join(lines))


def _cell(value: object) -> str:
    if isinstance(value, Markdown):
        return value
    return escape(f"{value:.4g}" if isinstance(value, float) else value)


@cache
def _adapter(record: type) -> TypeAdapter[Any]:
    return TypeAdapter(record)


def _spell_nonfinite(value: Any) -> Any:
    """NaN and the infinities by name, since JSON has no numbers for them."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if isinstance(value, dict):
        return {k: _spell_nonfinite(v) for k, v in value.items()}
    return [_spell_nonfinite(v) for v in value] if isinstance(value, list) else value


Earlier = Callable[[str], Record | None]
"""An earlier record of the same kind and settings: by its version, the latest for ``""``."""
