"""An immutable copy of a dataset: what was accepted, what was set aside, and why."""

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from qa_assets.core.digests import digest_json
from qa_assets.core.record import Record
from qa_assets.core.records.datasets import (
    CONTACT_SHEET,
    PARTS,
    SAMPLES,
    DatasetSnapshot,
)
from qa_assets.datasets import embedded, keys
from qa_assets.datasets.blocks import ReadsBlocks, known_blocks
from qa_assets.datasets.class_names import with_odd_classes
from qa_assets.datasets.collected import Collected
from qa_assets.datasets.contact_sheet import contact_sheet
from qa_assets.datasets.hints import hinted
from qa_assets.datasets.intake import Intake
from qa_assets.datasets.merge import classes_of, coded, merge, refuse_unusable, version_of
from qa_assets.datasets.seen_files import SeenFiles
from qa_assets.datasets.settings import DatasetSettings
from qa_assets.datasets.shards import Earlier, ShardWriter, earlier_shards, measured_alike
from qa_assets.datasets.source import RawSample, format_named

_FILES = "files"


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


def snapshot(
    settings: DatasetSettings,
    name: str,
    root: Path,
    scratch: Path,
    earlier: Callable[[str], Record | None] | None = None,
    memory: Path | None = None,
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
        memory: Folder that stays, for what spares work: which files were read already.

    Raises:
        InputRefused: ``SET_MISSING``, ``SET_EMPTY`` or ``SET_ONE_CLASS``; nothing is left behind
            but the scratch folder.
    """
    before = earlier("") if earlier else None
    found = collect(settings, root, scratch, before, memory)
    classes = classes_of(found.merged)
    with hinted(root / settings.path):
        refuse_unusable(settings.path, classes, found.aside, settings.format)
    remarks, counts = with_odd_classes(found.noticed(), classes)
    record = DatasetSnapshot(
        name=name,
        version=version_of(found.merged),
        samples=len(found.merged.keys),
        classes=classes,
        quarantined=tuple(found.aside),
        remarks=remarks,
        remark_counts=counts,
        files=found.files(),
    )
    labels = coded(found.merged.columns["label"])
    sheet = contact_sheet(record, found.merged.keys, labels, before)
    record = replace(record, files={**record.files, CONTACT_SHEET: sheet})
    same = earlier(record.version) if earlier else None
    return same if isinstance(same, DatasetSnapshot) and _equal(same, record, scratch) else record


def collect(
    settings: DatasetSettings,
    root: Path,
    scratch: Path,
    earlier: Record | None = None,
    memory: Path | None = None,
) -> Collected:
    """Read a source through; each content that ``earlier`` does not have is decoded once."""
    import pyarrow as pa

    source = prepare(settings, root)
    reader = format_named(settings.format)
    shards = ShardWriter(Path(tempfile.mkdtemp(prefix="snapshot-", dir=scratch)))
    old = earlier_shards(earlier, shards.folder)
    there = _keys_of(old)
    known = known_blocks(earlier, there) if old.whole else {}
    seen, grouping = keys.Index(there), _grouping(settings.group_pattern)
    files = SeenFiles(memory / _FILES if memory else None)
    intake = Intake(settings.limits, shards, seen, grouping, known, files)
    arrays = isinstance(reader, ReadsBlocks)
    read = reader.blocks if arrays else reader.read
    taken = intake.take(read(source, settings.limits))
    files.keep()
    del intake, files
    tables = [*old.facts, *shards.facts()]
    facts = pa.concat_tables(tables).unify_dictionaries() if tables else None
    base = earlier.version if old.whole and isinstance(earlier, DatasetSnapshot) else ""
    return Collected(taken, facts, merge(taken.found), shards, old, base, stored=not arrays)


def _keys_of(old: Earlier) -> keys.Keys:
    """Of every sample in its shards, in their order."""
    found = [keys.of_column(facts["key"]) for facts in old.facts]
    none = np.zeros((0, keys.WIDTH), np.uint8)
    return found[0] if len(found) == 1 else np.concatenate([none, *found])


def _grouping(pattern: str | None) -> Callable[[RawSample], str] | None:
    if not pattern:
        return None
    search = re.compile(pattern).search

    def group(raw: RawSample) -> str:
        match = None if raw.group else search(raw.name)
        return (match.group(1) or "") if match else raw.group

    return group


def _equal(same: DatasetSnapshot, record: DatasetSnapshot, scratch: Path) -> bool:
    """Whether an earlier snapshot says the same; its shards may be cut otherwise."""
    told = (SAMPLES, PARTS, CONTACT_SHEET)
    alike = same == record and all(t in same.files and same.read(t) == record.read(t) for t in told)
    return alike and measured_alike(same, scratch)
