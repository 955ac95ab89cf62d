"""What the columns of a Parquet file with pictures hold: which is the picture, which the class.

Source: documentation of Hugging Face's ``datasets``: a picture is ``{bytes, path}``, a class a
number whose name stands in the file's metadata.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Remark
from qa_assets.core.tables import compute
from qa_assets.datasets import png
from qa_assets.datasets.foreign import foreign_picture
from qa_assets.datasets.source import visible

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BYTES = "bytes"
"""The field of a nested picture that holds it."""
FILE, LABEL, GROUP, PART = "filename", "label", "group", "split"
CALLED = {
    FILE: (
        *("path", "file_name", "file", "filepath", "file_path", "image", "img", "image_path"),
        *("img_path", "image_name", "img_name"),
    ),
    LABEL: ("class", "target", "category", "label_name", "labels"),
    GROUP: ("group_id",),
    PART: ("subset", "part"),
}
"""What others call our columns. A guess that was made is a remark, so a person can see it."""
LAST = {FILE: "image_id"}
"""What is taken where nothing else can be meant: a number more often than a name."""
_TRIED = 8
"""Rows in which the first picture is looked for."""
_STARTS = (png.SIGNATURE, b"\xff\xd8\xff", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_WEBP = slice(8, 12)
_HEAD, _SHOWN, _KIND = 256, 20, 40


@dataclass(frozen=True, slots=True)
class Columns:
    """What the columns of one file hold.

    Attributes:
        picture: The pictures.
        nested: Whether they are ``{bytes, path}``.
        label: The classes.
        words: Names of the classes, where they are numbers from 0.
        group: What must not be separated, or "".
        part: The side, or "".
        attributes: What else is text or a number.
        others: What is left out, with why.
    """

    picture: str
    nested: bool
    label: str
    words: Sequence[str]
    group: str
    part: str
    attributes: Sequence[str]
    others: Mapping[str, str]

    @property
    def read(self) -> list[str]:
        """Those to be read, as Parquet spells them; the picture first."""
        picture = _leaf(self.picture, nested=self.nested)
        return [picture, self.label, *filter(None, (self.group, self.part)), *self.attributes]

    def remarks(self, name: str) -> Iterator[Remark]:
        """What was guessed and what is left out, of the file of that name."""
        for ours, theirs in ((LABEL, self.label), (GROUP, self.group), (PART, self.part)):
            if theirs and theirs != ours:
                what = f"has no column {ours!r}; {visible(theirs)!r} is read as it."
                yield Remark("LABEL_COLUMN", name, what)
        for column, what in self.others.items():
            yield Remark("CSV_NESTED", f"{name}: {visible(column)}", f"{what}; it is left out.")


def columns_of(file: "pq.ParquetFile", name: str) -> Columns:
    """What each column of a file holds; ``name`` is what messages call it.

    Raises:
        InputRefused: ``CSV_COLUMNS``: no column holds pictures, or it does not say which is the
            class. ``CSV_NESTED``: the class is no single value.
    """
    import pyarrow.types as kinds

    schema = file.schema_arrow
    types, classes = dict(zip(schema.names, schema.types, strict=True)), _class_names(file)
    twice = [n for n, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise _refused(name, f"has the column {visible(twice[0])!r} twice.", "Rename one.")
    picture = picture_column(file)
    if picture is None:
        what = f"has no column of pictures; it has: {_listed(types)}."
        raise _refused(name, what, "Give each row the bytes of its picture.")
    label = meant(LABEL, schema.names) or (next(iter(classes)) if len(classes) == 1 else "")
    if not label:
        said = "several columns of classes" if classes else "no column 'label'"
        remedy = "Call the one that is to be told apart 'label'."
        raise _refused(name, f"has {said}: {_listed(classes or types)}.", remedy)
    told = (label, meant(GROUP, schema.names), meant(PART, schema.names))
    for column in filter(None, told):
        if kinds.is_nested(types[column]):
            what = f"holds {_kind(types[column])} in the column {visible(column)!r}."
            raise InputRefused.of("CSV_NESTED", name, what, "Give one value a row.")
    rest = {n: k for n, k in types.items() if n not in (picture, *told)}
    others = {n: f"is {_kind(k)}" for n, k in rest.items() if kinds.is_nested(k) or is_binary(k)}
    return Columns(
        picture,
        kinds.is_struct(types[picture]),
        label,
        classes.get(label, ()),
        *told[1:],
        [n for n in rest if n not in others],
        others,
    )


def picture_column(file: "pq.ParquetFile") -> str | None:
    """The column of pictures, told by what it holds; by its name, where that does not tell.

    Raises:
        pyarrow.ArrowException: The file is damaged.
    """
    import pyarrow.types as kinds

    found: dict[str, bool | None] = {}
    for field in file.schema_arrow:
        nested = kinds.is_struct(field.type) and field.type.get_field_index(BYTES) >= 0
        kind = field.type.field(BYTES).type if nested else field.type
        if is_binary(kind):
            found[field.name] = _holds_pictures(file, _leaf(field.name, nested=nested))
    pictures = [name for name, holds in found.items() if holds]
    empty = [name for name, holds in found.items() if holds is None]
    return meant(FILE, pictures) or next(iter(pictures), meant(FILE, empty)) or None


def bodies(column: Any) -> list[bytes | None]:
    """The pictures of a column, nested or not."""
    import pyarrow.types as kinds

    inner = compute().struct_field(column, BYTES) if kinds.is_struct(column.type) else column
    found: list[bytes | None] = inner.to_pylist()
    return found


def is_binary(kind: Any) -> bool:
    """Whether values of that Arrow type are bytes."""
    import pyarrow.types as kinds

    return kinds.is_binary(kind) or kinds.is_large_binary(kind)


def meant(kind: str, names: Sequence[str]) -> str:
    """The column of that kind; "" where none is, or several could be."""
    known = {name.strip().lower(): name for name in names}
    if kind in known:
        return known[kind]
    found = [known[name] for name in CALLED[kind] if name in known]
    return found[0] if len(found) == 1 else "" if found else known.get(LAST.get(kind, ""), "")


def _leaf(column: str, *, nested: bool) -> str:
    return f"{column}.{BYTES}" if nested else column


def _holds_pictures(file: "pq.ParquetFile", column: str) -> bool | None:
    """Whether the first value begins as a picture does; nobody knows where there is none."""
    first = next(iter(file.iter_batches(_TRIED, columns=[column], use_threads=False)), None)
    found = bodies(first[first.schema.names[0]]) if first is not None else []
    head = next((body[:_HEAD] for body in found if body), b"")
    if not head:
        return None
    webp = head.startswith(b"RIFF") and head[_WEBP] == b"WEBP"
    return head.startswith(_STARTS) or webp or bool(foreign_picture(head))


def _class_names(file: "pq.ParquetFile") -> dict[str, Sequence[str]]:
    """Names of classes by column, as the hub's library writes them; nothing of what is not so."""
    told = (file.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(told)["info"]["features"]
        found = {n: f["names"] for n, f in features.items() if f.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    there = {n: w for n, w in found.items() if isinstance(w, list) and n in file.schema_arrow.names}
    return {n: w for n, w in there.items() if all(isinstance(t, str) for t in w)}


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(visible(name) for name in list(names)[:_SHOWN])


def _kind(kind: object) -> str:
    return visible(str(kind))[:_KIND]


def _refused(name: str, what: str, remedy: str) -> InputRefused:
    return InputRefused.of("CSV_COLUMNS", name, what, remedy)
