"""Files to samples: one row a content, sorted by digest; one content under two labels is of no use.

All of it on whole columns; only files whose bytes stand twice are looked at one by one.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets import keys
from qa_assets.datasets.source import visible

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAMED = 5
"""Items that a refusal spells out in its own message; all of them follow as problems."""
_LAYOUTS = {
    "image_folder": "a folder of pictures for each",
    "image_table": "rows of the table with other labels, each with its picture's bytes",
    "manifest": "rows of the table with other labels, and their pictures beside it",
    "webdataset": "members like 000.png with 000.cls",
    "idx": "pictures and labels as IDX files",
    "npz": "arrays x (pictures) and y (labels)",
}
"""How samples of another class are brought, by format."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The samples of a source.

    Attributes:
        keys: One a sample, sorted.
        first: A place of each in what was found.
        columns: Same rows: label, group, name, part, attributes, copies; words as of ``coded``.
        repeated: One row a file whose bytes stand twice: content, place (in what was found), name,
            label, group, part; in the order of reading.
        conflicts: Files of one content under two labels, all set aside.
    """

    keys: keys.Keys
    first: NDArray[np.intp]
    columns: "pa.Table"
    repeated: "pd.DataFrame"
    conflicts: list[Quarantined]


def merge(found: "pa.Table") -> Merged:
    """One row a content.

    Args:
        found: One row a file, columns of ``found.FOUND``.
    """
    import pyarrow as pa

    ids = keys.of_column(found["key"])
    order = keys.order(ids)
    ordered = ids[order]
    starts = np.flatnonzero(~keys.repeats(ordered))
    copies = np.diff(np.append(starts, len(order)))
    first = order[starts]  # a place in ``found`` for every content
    grouped = first.copy()  # where its group is taken from
    repeated: Any = _repeated(found, order, starts, copies)
    bad = np.zeros(len(starts), np.bool_)
    conflicts: list[Quarantined] = []
    if len(repeated):
        by_content: Any = repeated.groupby("content", sort=True)
        contents = np.fromiter(by_content.indices, np.intp)
        bad[contents] = by_content["label"].nunique().to_numpy() > 1
        for column, places in (("name", first), ("group", grouped)):
            least = repeated.sort_values([column, "name"]).drop_duplicates("content")
            places[least["content"].to_numpy()] = least["place"].to_numpy()
        wrong = repeated[bad[repeated["content"].to_numpy()]].sort_values(["content", "name"])
        conflicts = [c for _, same in wrong.groupby("content") for c in _conflicts(same)]
    first, grouped = first[~bad], grouped[~bad]
    columns = {n: found[n].take(pa.array(first)) for n in ("label", "name", "part", "attributes")}
    columns["group"] = found["group"].take(pa.array(grouped))
    columns["part"] = _sides(columns["part"], repeated, np.flatnonzero(~bad))
    columns |= {n: coded(columns[n]) for n in ("label", "group", "part", "attributes")}
    columns["copies"] = pa.array(copies[~bad].astype(np.int64))
    kept = ordered if len(first) == len(ordered) else ids[first]
    return Merged(kept, first, pa.table(columns), repeated, conflicts)


def _repeated(
    found: "pa.Table", order: NDArray[Any], starts: NDArray[Any], copies: NDArray[Any]
) -> "pd.DataFrame":
    import pandas as pd

    names = ["name", "label", "group", "part"]
    if not (copies > 1).any():
        return pd.DataFrame(columns=["content", "place", *names])
    content = np.repeat(np.arange(len(starts)), copies)
    rows = np.flatnonzero(copies[content] > 1)
    places = order[rows]
    texts = found.select(names).take(places)
    columns = {n: np.array(texts[n].to_pylist(), object) for n in texts.column_names}
    return pd.DataFrame({"content": content[rows], "place": places, **columns})


def _sides(parts: Any, repeated: "pd.DataFrame", contents: NDArray[np.intp]) -> Any:
    """The parts of samples, all of them where the same bytes stand in several.

    Args:
        parts: One a sample.
        repeated: As of :class:`Merged`.
        contents: The content of each sample.
    """
    import pyarrow as pa

    named: Any = repeated[repeated["part"] != ""] if len(repeated) else repeated
    if not len(named):
        return parts
    several = named.groupby("content")["part"].agg(lambda p: ",".join(sorted(set(p))))
    rows = np.searchsorted(contents, several.index.to_numpy())
    there = (rows < len(contents)) & (
        contents[np.minimum(rows, len(contents) - 1)] == several.index
    )
    whole = np.array(parts.to_pylist(), object)
    whole[rows[there]] = several.to_numpy()[there]
    return pa.chunked_array([pa.array(whole, pa.string()).dictionary_encode()])


def _conflicts(same: "pd.DataFrame") -> Iterator[Quarantined]:
    pairs = list(zip(same["name"], same["label"], strict=True))
    for name, label in pairs:
        other, said = next(p for p in pairs if p[1] != label)
        what = f"has the same bytes as {other}, but is labelled {label!r}, not {said!r}."
        yield Quarantined("SET_LABEL_CONFLICT", name, what, "Remove the wrong one.")


def version_of(merged: Merged) -> str:
    """Digest of ids, labels, groups and attributes, whatever the samples are called.

    The canonical JSON of the words of each column, sorted, and the number of samples; then the
    ids, 32 bytes each, and the numbers of the words, four bytes each, the lowest first. Attributes
    count where any sample has some.
    """
    told = [coded(merged.columns[n]) for n in ("label", "group", "attributes")]
    words = [column.dictionary.to_pylist() for column in told]
    used = told if any(words[-1]) else told[:-1]
    digest = hashlib.sha256(canonical_json([words[: len(used)], len(merged.keys)]))
    digest.update(np.ascontiguousarray(merged.keys).data)
    for column in used:
        digest.update(np.ascontiguousarray(_codes(column), "<u4").data)
    return digest.hexdigest()


def coded(column: Any) -> "pa.DictionaryArray":
    """A column of few different words as one array of their numbers: those used, sorted."""
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
    whole = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    given, codes = whole.dictionary.to_pylist(), _codes(whole)
    counts = np.bincount(codes, minlength=len(given)).tolist()
    words = sorted(word for word, count in zip(given, counts, strict=True) if count)
    if words == given:
        return whole
    number = {word: n for n, word in enumerate(words)}
    numbers = np.array([number.get(word, 0) for word in given], np.int32)
    return pa.DictionaryArray.from_arrays(numbers[codes], pa.array(words, pa.string()))


def _codes(column: "pa.DictionaryArray") -> NDArray[np.integer]:
    return column.indices.to_numpy(zero_copy_only=False)


def classes_of(merged: Merged) -> tuple[str, ...]:
    """The labels that samples have, sorted."""
    return tuple(coded(merged.columns["label"]).dictionary.to_pylist())


def refuse_unusable(
    path: str, classes: tuple[str, ...], aside: list[Quarantined], layout: str
) -> None:
    """Refuse a set without two classes.

    Args:
        path: What the user calls the set.
        classes: Those it has.
        aside: What was set aside.
        layout: Name of the format it was read as.

    Raises:
        InputRefused: ``SET_EMPTY`` or ``SET_ONE_CLASS``, and whatever was set aside.
    """
    problems = (Problem(q.code, q.item, q.message, q.remedy) for q in aside)
    if not classes:
        named = ", ".join(visible(q.item) for q in aside[:NAMED])
        more = ", ..." if len(aside) > NAMED else ""
        what = "holds nothing that could be a sample."
        if aside:
            what = f"holds no usable sample; {len(aside)} set aside: {named}{more}."
        remedy = f"Bring samples of at least two classes: {_LAYOUTS.get(layout, layout)}."
        raise InputRefused(Problem("SET_EMPTY", path, what, remedy), *problems)
    if len(classes) == 1:
        raise InputRefused(
            Problem(
                "SET_ONE_CLASS",
                path,
                f"has the class {classes[0]!r} only; nothing can be told apart.",
                f"Add the samples of a second class: {_LAYOUTS.get(layout, layout)}.",
            ),
            *problems,
        )
