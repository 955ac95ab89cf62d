"""An immutable copy of a dataset: what was accepted, what was set aside, and why."""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_assets.core.digests import canonical_json, digest_json
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import (
    CONTACT_SHEET,
    MEASURED,
    SAMPLES,
    DatasetSnapshot,
    Quarantined,
    Remark,
)
from qa_assets.datasets import embedded
from qa_assets.datasets.contact_sheet import contact_sheet
from qa_assets.datasets.intake import FACTS, Intake, Taken
from qa_assets.datasets.remarks import remarks_of
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.shards import ShardWriter, kept_shards
from qa_assets.datasets.source import RawSample, format_named, visible

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NAMED = 5
"""Items that a refusal spells out in its own message; all of them follow as problems."""
TABLE = ("id", "label", "group", "name", "copies", "bytes", "format", "width", "height", "mode")
_TEXTS = ("id", "label", "group", "name")
_FILE_FACTS = ("format", "mode", "noticed")


def prepare(settings: DatasetSettings, root: Path) -> Path:
    """The source's folder or file; an embedded one is made where it is absent."""
    source = root / settings.path
    if settings.embedded and not source.exists():
        embedded.make(settings.embedded, source)
    return source


def fingerprint(settings: DatasetSettings, root: Path) -> str:
    """What tells a changed source from an unchanged one: names, sizes and times; opens no file.

    Where an embedded source was not made yet, its name stands for it; call ``prepare`` first to
    get the fingerprint that stays.

    Raises:
        InputRefused: ``SET_MISSING`` or ``SET_FORMAT``.
    """
    source = root / settings.path
    if settings.embedded and not source.exists():
        return digest_json(["embedded", settings.embedded])
    stamps = format_named(settings.format).stamps(source)
    return digest_json(sorted([s.name, s.size, s.mtime_ns] for s in stamps))


@dataclass(frozen=True, slots=True)
class Collected:
    """What a source holds, before it is known whether that is a dataset.

    Attributes:
        files: One row a usable file, in the order of reading: columns of ``FOUND`` and
            ``_FILE_FACTS``.
        facts: One row a distinct content of the files, and maybe some that are no longer used.
        aside: What was set aside.
        noticed: What is odd about the rest, first of each kind, and how often by kind.
        payloads: The shards of the new contents, and of the old ones that are still used.
    """

    files: "pd.DataFrame"
    facts: "pa.Table"
    aside: list[Quarantined]
    noticed: tuple[tuple[Remark, ...], dict[str, int]]
    shards: ShardWriter
    earlier: DatasetSnapshot | None


def snapshot(
    settings: DatasetSettings,
    name: str,
    root: Path,
    scratch: Path,
    earlier: Callable[[str], Record | None] | None = None,
) -> DatasetSnapshot:
    """Take every sample that can be used, and name every one that cannot.

    Args:
        settings: Where the samples are and what is accepted.
        name: What people call the dataset; no part of its version.
        root: Folder that ``settings.path`` is relative to.
        scratch: Folder for the payload shards; they stay in a new folder below it until the
            record is stored.
        earlier: An earlier snapshot by its version, the latest for ``""``; what it holds is
            neither decoded nor packed again.

    Raises:
        InputRefused: ``SET_MISSING``, ``SET_EMPTY`` or ``SET_ONE_CLASS``; nothing is left behind
            but the scratch folder.
    """
    found = collect(settings, root, scratch, _as_snapshot(earlier("")) if earlier else None)
    rows, conflicts = _merge(found.files)
    aside = [*found.aside, *conflicts]
    _refuse_unusable(settings.path, rows, aside)
    version = _version(rows)
    record = _assemble(found, rows, name=name, version=version, aside=aside)
    same = _as_snapshot(earlier(version)) if earlier else None
    return same if same is not None and _equal(same, record) else record


def collect(
    settings: DatasetSettings, root: Path, scratch: Path, earlier: DatasetSnapshot | None = None
) -> Collected:
    """Read a source through; each content that ``earlier`` does not have is decoded once."""
    import pyarrow as pa

    source = prepare(settings, root)
    reader = format_named(settings.format)
    shards = ShardWriter(Path(tempfile.mkdtemp(prefix="snapshot-", dir=scratch)))
    old = _facts_of(earlier) if earlier else None
    known = frozenset(map(bytes.fromhex, old["id"].to_pylist())) if old is not None else frozenset()
    intake = Intake(settings.limits, shards, known, _grouping(settings.group_pattern))
    taken = intake.take(reader.read(source, settings.limits))
    tables = [t for t in (old, taken.facts) if t is not None and t.num_rows]
    facts = pa.concat_tables(tables).combine_chunks() if tables else taken.facts
    files = _files(taken, facts)
    aside = [f for f in taken.findings if isinstance(f, Quarantined)]
    noticed = remarks_of(files, [f for f in taken.findings if isinstance(f, Remark)])
    return Collected(files, facts, aside, noticed, shards, earlier)


def _as_snapshot(record: Record | None) -> DatasetSnapshot | None:
    usable = isinstance(record, DatasetSnapshot) and MEASURED in record.files
    return record if usable else None  # pyright: ignore[reportReturnType]


def _grouping(pattern: str | None) -> Callable[[RawSample], str]:
    def group(raw: RawSample) -> str:
        match = re.search(pattern, raw.name) if pattern and not raw.group else None
        return (match.group(1) or "") if match else raw.group

    return group


def _facts_of(snapshot: DatasetSnapshot) -> "pa.Table":
    """What an earlier snapshot knows of its contents."""
    import io

    import pyarrow.parquet as pq

    samples = pq.read_table(
        io.BytesIO(snapshot.read(SAMPLES)), columns=[c for c in FACTS if c != "noticed"]
    )
    measured = pq.read_table(io.BytesIO(snapshot.read(MEASURED)))
    for name in measured.column_names:
        if name not in ("id", "part"):
            samples = samples.append_column(name, measured[name])
    return samples.select([*FACTS, *(n for n in samples.column_names if n not in FACTS)])


def _files(taken: Taken, facts: "pa.Table") -> "pd.DataFrame":
    import pandas as pd

    files = taken.found.to_pandas()
    if not facts.num_rows:
        return files.assign(place=0, **dict.fromkeys(_FILE_FACTS, ""))
    ids = pd.Index(facts["id"].to_numpy(zero_copy_only=False))
    files["place"] = ids.get_indexer(files["id"])
    for name in _FILE_FACTS:
        coded = facts[name].combine_chunks().dictionary_encode()
        codes = coded.indices.to_numpy(zero_copy_only=False)[files["place"]]
        files[name] = pd.Categorical.from_codes(codes, coded.dictionary.to_pylist()).astype("str")
    return files


def _merge(files: Any) -> "tuple[pd.DataFrame, list[Quarantined]]":
    """One row a content, sorted by id; the same bytes under two labels are of no use."""
    ordered = files.sort_values(["id", "name"], kind="stable")
    repeated = ordered["id"].duplicated(keep=False)
    twice = ordered[repeated]
    labels = twice.groupby("id", sort=False)["label"].transform("nunique")
    bad = twice[labels > 1]
    conflicts = [c for _, same in bad.groupby("id", sort=False) for c in _conflicts(same)]
    copies = ordered["id"].map(twice["id"].value_counts()).fillna(1).astype("int64")
    rows = ordered.assign(copies=copies)
    if len(twice):
        groups = twice.groupby("id", sort=False)["group"].transform("min")
        rows.loc[groups.index, "group"] = groups
    rows = rows[~rows["id"].isin(list(set(bad["id"])))].drop_duplicates("id", keep="first")
    return rows.reset_index(drop=True), conflicts


def _conflicts(same: "pd.DataFrame") -> Iterator[Quarantined]:
    pairs = list(zip(same["name"], same["label"], strict=True))
    for name, label in pairs:
        other, said = next(p for p in pairs if p[1] != label)
        what = f"has the same bytes as {other}, but is labelled {label!r}, not {said!r}."
        yield Quarantined("SET_LABEL_CONFLICT", name, what, "Remove the wrong one.")


def _version(rows: "pd.DataFrame") -> str:
    """Digest of ids, labels and groups, whatever the samples are called."""
    digest = hashlib.sha256()
    for row in zip(rows["id"], rows["label"], rows["group"], strict=True):
        digest.update(canonical_json(row) + b"\n")
    return digest.hexdigest()


def _assemble(
    found: Collected,
    rows: "pd.DataFrame",
    *,
    name: str,
    version: str,
    aside: list[Quarantined],
) -> DatasetSnapshot:
    kept = set(rows["id"])
    old = kept_shards(found.earlier, kept, found.shards.folder) if found.earlier else []
    new = found.shards.close(kept=kept)
    payloads = {f"payload-{n:05d}.parquet": path for n, path in enumerate([*old, *new.values()])}
    remarks, counts = found.noticed
    record = DatasetSnapshot(
        name=name,
        version=version,
        samples=len(rows),
        classes=tuple(sorted(set(rows["label"]))),
        quarantined=tuple(aside),
        remarks=remarks,
        remark_counts=counts,
        files={**_tables(found.facts, rows), **payloads},
    )
    return replace(record, files={**record.files, CONTACT_SHEET: contact_sheet(record)})


def _tables(facts: "pa.Table", rows: "pd.DataFrame") -> Mapping[str, bytes]:
    import pyarrow as pa

    facts = facts.take(pa.array(rows["place"].to_numpy(np.int64)))
    columns: dict[str, Any] = {c: pa.array(rows[c], pa.string()) for c in _TEXTS}
    columns["copies"] = pa.array(rows["copies"].to_numpy(np.int64))
    columns |= {c: facts[c] for c in ("bytes", "format", "width", "height", "mode")}
    measured = {"id": columns["id"], "part": pa.array(rows["part"], pa.string())}
    measured |= {c: facts[c] for c in facts.column_names if c == "noticed" or c not in FACTS}
    samples = pa.table({c: columns[c] for c in TABLE})
    return {SAMPLES: _parquet(samples), MEASURED: _parquet(pa.table(measured))}


def _parquet(table: "pa.Table") -> bytes:
    import io

    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _equal(same: DatasetSnapshot, record: DatasetSnapshot) -> bool:
    """Whether an earlier snapshot says the same; its shards may be cut otherwise."""
    tables = (SAMPLES, MEASURED)
    return same == record and all(same.read(t) == record.read(t) for t in tables)


def _refuse_unusable(path: str, rows: "pd.DataFrame", aside: list[Quarantined]) -> None:
    problems = [Problem(q.code, q.item, q.message, q.remedy) for q in aside]
    if rows.empty:
        named = ", ".join(visible(q.item) for q in aside[:NAMED])
        what = f"all {len(aside)} files were set aside ({named}, ...)." if aside else "is empty."
        remedy = "Put at least two class folders with images there."
        raise InputRefused(Problem("SET_EMPTY", path, what, remedy), *problems)
    classes = sorted(set(rows["label"]))
    if len(classes) == 1:
        raise InputRefused(
            Problem(
                "SET_ONE_CLASS",
                path,
                f"has the class {classes[0]!r} only; nothing can be told apart.",
                "Add the samples of a second class in a folder of their own.",
            ),
            *problems,
        )
