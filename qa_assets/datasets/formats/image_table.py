"""Tables that hold their pictures: Parquet with a column of them, as hubs of data share them."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from qa_assets.core.attributes import attributes_text
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import archive_rules as rules
from qa_assets.datasets import folders, trees
from qa_assets.datasets.delimited import as_text
from qa_assets.datasets.formats.image_folder import PARTS, SUFFIXES
from qa_assets.datasets.labels import LONGEST
from qa_assets.datasets.picture_columns import Columns, bodies, columns_of, picture_column
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp, visible

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

DIGITS = 7
"""Of the number of a row, counted from 0."""
_MAGIC, _ENDING = b"PAR1", ".parquet"
_BATCH_BYTES, _MOST_ROWS = 4 << 20, 1 << 12
"""What is held of a file at once."""
_PEEKED, _LEVELS = 64, 3
"""Entries of a folder, and folders below each other, that are looked at to tell the layout."""


class ImageTable:
    """Rows of a picture (encoded bytes, or ``{bytes, path}``) and a label; maybe group and split.

    One Parquet file, or a folder of them at any depth. A file or folder called as a side is one.
    """

    def fits(self, source: Path) -> bool:
        """A Parquet file with a column of pictures, or a folder whose first such file has one.

        One that is damaged is taken for one: who reads it says so.
        """
        import pyarrow as pa

        try:
            first = source if source.is_file() else _peek(source)
            if first is None or not _is_parquet(first):
                return False
            file = _opened(first, first.name)
        except (InputRefused, OSError):
            return False
        try:
            with file:
                return picture_column(file) is not None
        except (pa.ArrowException, OSError):
            return True

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every row, file after file.

        Raises:
            InputRefused: Also ``ARC_CORRUPT``, ``ARC_BOMB`` or ``ARC_MEMBERS``: a file is damaged,
                packed too well or too long. ``CSV_COLUMNS``: it does not say what is the class.
        """
        if source.is_file():
            yield from _of_file(source, visible(source.name), limits)
            return
        for found in folders.walk(source):
            if isinstance(found, Quarantined):
                yield found
            elif found.name.lower().endswith(_ENDING):
                yield from _of_file(Path(found.path), visible(found.name), limits)
            else:
                what = "is no Parquet file; it is left out."
                yield Remark("NAME_EXTENSION", visible(found.name), what)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One a file."""
        yield from trees.stamps(source)


FORMATS.add("image_table", ImageTable())


def _of_file(path: Path, name: str, limits: SampleLimits) -> Iterator[RawSample | Finding]:
    import pyarrow as pa

    with _opened(path, name) as file:
        try:
            columns = columns_of(file, name)
            yield from columns.remarks(name)
            rows, number = _judged(file, columns, Path(name), limits), 0
            for batch in file.iter_batches(rows, columns=columns.read, use_threads=False):
                yield from _of_batch(batch, columns, name, number, limits)
                number += len(batch)
        except (pa.ArrowException, OSError) as error:
            raise rules.torn(Path(name)) from error


def _opened(path: Path, name: str) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=True, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise rules.torn(Path(name)) from error


def _judged(file: "pq.ParquetFile", columns: Columns, path: Path, limits: SampleLimits) -> int:
    """Rows to read at once; what the file says of itself is judged before any is read."""
    said, whole = file.metadata, 0
    rules.check_count(said.num_rows, path, limits)
    for number in range(said.num_row_groups):
        group = said.row_group(number)
        for chunk in map(group.column, range(group.num_columns)):
            if chunk.path_in_schema in columns.read:
                size, packed = chunk.total_uncompressed_size, chunk.total_compressed_size
                rules.check_size(path.name, size, packed, limits)
                whole += size
    rules.check_total(whole, path, limits)
    return max(1, min(_MOST_ROWS, _BATCH_BYTES * said.num_rows // max(whole, 1)))


def _of_batch(
    batch: "pa.RecordBatch", columns: Columns, name: str, first: int, limits: SampleLimits
) -> Iterator[RawSample | Quarantined]:
    def texts(column: str) -> list[str]:
        return [as_text(v) for v in batch[column].to_pylist()] if column else [""] * len(batch)

    side = _side(name)
    labels = _spelt(batch[columns.label].to_pylist(), columns.words)
    told = [*zip(*map(texts, columns.attributes), strict=True)] or [()] * len(batch)
    found = (
        bodies(batch[columns.picture]),
        labels,
        texts(columns.group),
        texts(columns.part),
        told,
    )
    for n, (body, label, group, part, cells) in enumerate(zip(*found, strict=True), first):
        item = f"{name}/{n:0{DIGITS}d}"
        wrong = _wrong_picture(item, body, limits) or _wrong_label(item, label)
        known = PARTS.get(part.strip().lower(), "")
        rest = {columns.part: part} if part and not known else {}
        said = attributes_text(rest | dict(zip(columns.attributes, cells, strict=True)))
        yield wrong or RawSample(item, label.strip(), group, body or b"", known or side, said)


def _spelt(values: Sequence[object], words: Sequence[str]) -> list[str]:
    """Classes as text; a number that no name belongs to is no class."""
    if not words:
        return [as_text(value) for value in values]
    known = dict(enumerate(words))
    return [known.get(value, "") if isinstance(value, int) else "" for value in values]


def _wrong_picture(item: str, body: bytes | None, limits: SampleLimits) -> Quarantined | None:
    if body is None:
        what = "is a row without a picture."
        return Quarantined("IMG_EMPTY", item, what, "Put the picture itself into the table.")
    if len(body) > limits.max_file_mib * rules.MIB:
        what = f"has {len(body) / rules.MIB:.0f} MiB, at most {limits.max_file_mib:g} are accepted."
        remedy = "Make it smaller, or raise limits.max_file_mib."
        return Quarantined("IMG_TOO_LARGE", item, what, remedy)
    return None


def _wrong_label(item: str, label: str) -> Quarantined | None:
    if not label.strip():
        return Quarantined("LABEL_EMPTY", item, "has no label, or a number that no class has.")
    if len(label) > LONGEST:
        what = f"has a label of {len(label)} characters."
        return Quarantined("LABEL_LONG", item, what, f"At most {LONGEST} are accepted.")
    return Quarantined("LABEL_NUL", item, "has a NUL byte in its label.") if "\0" in label else None


def _side(name: str) -> str:
    """The one side that the words of a path name; "" where they name none, or two."""
    words = re.split(r"[-_./ ]", PurePosixPath(name).with_suffix("").as_posix().lower())
    sides = {PARTS[word] for word in words if word in PARTS}
    return sides.pop() if len(sides) == 1 else ""


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _peek(source: Path) -> Path | None:
    """A file called as Parquet is, among the first of a folder or of those below it.

    None where pictures lie there too: a table beside them is not all that there is.
    """
    level, found = [str(source)], list[str]()
    for _ in range(_LEVELS):
        inside = [*chain.from_iterable(map(_first_of, level))]
        names = [e.path for e in inside if e.is_file(follow_symlinks=False)]  # a pipe never ends
        if any(name.lower().endswith(SUFFIXES) for name in names):
            return None
        found = found or [name for name in names if name.lower().endswith(_ENDING)]
        level = [e.path for e in inside if e.is_dir(follow_symlinks=False)][:_PEEKED]
    return Path(min(found)) if found else None


def _first_of(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return [*islice((e for e in found if not folders.ignored(e.name)), _PEEKED)]
