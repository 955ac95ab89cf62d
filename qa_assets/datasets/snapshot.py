"""An immutable copy of a dataset: what was accepted, what was set aside, and why."""

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from qa_assets.core.digests import digest_bytes, digest_json
from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records import CONTACT_SHEET, SAMPLES, DatasetSnapshot, Quarantined
from qa_assets.core.tables import table_bytes
from qa_assets.datasets import embedded
from qa_assets.datasets.contact_sheet import contact_sheet
from qa_assets.datasets.pictures import Picture, Refusal, inspect
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.shards import ShardWriter
from qa_assets.datasets.source import RawSample, format_named

NAMED = 5
"""Items that a refusal spells out in its own message; all of them follow as problems."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One accepted file."""

    id: str
    label: str
    group: str
    name: str
    bytes: int
    format: str
    width: int
    height: int
    mode: str


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


def snapshot(settings: DatasetSettings, name: str, root: Path, scratch: Path) -> DatasetSnapshot:
    """Take every sample that can be used, and name every one that cannot.

    Args:
        settings: Where the samples are and what is accepted.
        name: What people call the dataset; no part of its version.
        root: Folder that ``settings.path`` is relative to.
        scratch: Folder for the payload shards; they stay in a new folder below it until the
            record is stored.

    Raises:
        InputRefused: ``SET_MISSING``, ``SET_EMPTY`` or ``SET_ONE_CLASS``; nothing is left behind
            but the scratch folder.
    """
    source = prepare(settings, root)
    reader = format_named(settings.format)
    shards = ShardWriter(Path(tempfile.mkdtemp(prefix="snapshot-", dir=scratch)))
    aside: list[Quarantined] = []
    found = list(_accept(reader.read(source, settings.limits), settings, shards, aside))
    rows, conflicts = _merge(found)
    aside += conflicts
    _refuse_unusable(settings.path, rows, aside)
    kept = {row.id for row in rows}
    payloads = shards.close(without={row.id for row in found} - kept)
    copies = _copies(found)
    record = DatasetSnapshot(
        name=name,
        version=digest_json([[row.id, row.label, row.group] for row in rows]),
        samples=len(rows),
        classes=tuple(sorted({row.label for row in rows})),
        quarantined=tuple(aside),
        files={SAMPLES: _table(rows, copies), **payloads},
    )
    return replace(record, files={**record.files, CONTACT_SHEET: contact_sheet(record)})


def _accept(
    read: Iterable[RawSample | Quarantined],
    settings: DatasetSettings,
    shards: ShardWriter,
    aside: list[Quarantined],
) -> Iterator[_Row]:
    """Rows of the files that can be used; their bytes go to ``shards``, once each."""
    seen: set[str] = set()
    for raw in read:
        if isinstance(raw, Quarantined):
            aside.append(raw)
            continue
        judged = inspect(raw.payload, settings.limits)
        if isinstance(judged, Refusal):
            aside.append(Quarantined(judged.code, raw.name, judged.message, judged.remedy))
            continue
        sample = digest_bytes(raw.payload)
        if sample not in seen:
            seen.add(sample)
            shards.add(sample, raw.payload)
        yield _row(sample, raw, judged, settings.group_pattern)


def _row(sample: str, raw: RawSample, picture: Picture, pattern: str | None) -> _Row:
    group = raw.group
    if not group and pattern:
        match = re.search(pattern, raw.name)
        group = (match.group(1) or "") if match else ""
    return _Row(
        id=sample,
        label=raw.label,
        group=group,
        name=raw.name,
        bytes=len(raw.payload),
        format=picture.format,
        width=picture.width,
        height=picture.height,
        mode=picture.mode,
    )


def _merge(found: Iterable[_Row]) -> tuple[list[_Row], list[Quarantined]]:
    """One row a content, sorted by id; the same bytes under two labels are of no use."""
    by_id: dict[str, list[_Row]] = {}
    for row in found:
        by_id.setdefault(row.id, []).append(row)
    rows: list[_Row] = []
    conflicts: list[Quarantined] = []
    for _, same in sorted(by_id.items()):
        if len({row.label for row in same}) == 1:
            group = min(row.group for row in same)
            rows.append(replace(min(same, key=lambda row: row.name), group=group))
        else:
            conflicts += [_conflict(row, same) for row in same]
    return rows, conflicts


def _conflict(row: _Row, same: list[_Row]) -> Quarantined:
    other = next(r for r in same if r.label != row.label)
    return Quarantined(
        "SET_LABEL_CONFLICT",
        row.name,
        f"has the same bytes as {other.name}, but is labelled {row.label!r}, not {other.label!r}.",
        "Remove the wrong one.",
    )


def _copies(found: Iterable[_Row]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for row in found:
        counts[row.id] = counts.get(row.id, 0) + 1
    return counts


def _table(rows: list[_Row], copies: Mapping[str, int]) -> bytes:
    import pandas as pd

    return table_bytes(pd.DataFrame([{**asdict(row), "copies": copies[row.id]} for row in rows]))


def _refuse_unusable(path: str, rows: list[_Row], aside: list[Quarantined]) -> None:
    problems = [Problem(q.code, q.item, q.message, q.remedy) for q in aside]
    if not rows:
        named = ", ".join(q.item for q in aside[:NAMED])
        what = f"all {len(aside)} files were set aside ({named}, ...)." if aside else "is empty."
        remedy = "Put at least two class folders with images there."
        raise InputRefused(Problem("SET_EMPTY", path, what, remedy), *problems)
    classes = sorted({row.label for row in rows})
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
