"""WebDataset tar files: members of one sample share a key: ``017.png`` and ``017.cls``."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.datasets import trees
from qa_assets.datasets.folders import ignored
from qa_assets.datasets.formats.image_folder import PARTS, SUFFIXES
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp, visible
from qa_assets.datasets.trees import Entry

CLASS = ".cls"
"""Ending of the member that holds the class, as text."""
_LONGEST_LABEL = 200


class WebDataset:
    """A tar, or a folder of them; every picture has a ``.cls`` beside it.

    Source: webdataset's documentation.
    """

    def fits(self, source: Path) -> bool:
        """A tar with a ``.cls`` member among its first, or a folder of files with such a tar."""
        if source.is_dir():
            return any(map(_has_classes, _shards(source)))
        return trees.is_archive(source) and _has_classes(source)

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture with its class; the name of a shard may begin with that of a side."""
        _refuse_missing(source)
        if not source.is_dir():
            yield from self._of_shard(source, limits)
            return
        shards = _shards(source)
        for path in _files(source):
            if path not in shards:
                what = "is no tar; it is left out."
                yield Remark("NAME_EXTENSION", visible(path.name), what)
                continue
            part = PARTS.get(re.split(r"[-_.]", path.name.lower())[0], "")
            for found in self._of_shard(path, limits):
                if isinstance(found, RawSample):
                    yield found._replace(name=f"{path.name}/{found.name}", part=part)
                else:
                    yield replace(found, item=f"{path.name}/{found.item}")

    def _of_shard(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Quarantined]:
        waiting: dict[str, list[Entry]] = {}
        for key, several in groupby(_used(source, limits), lambda entry: _key(entry.name)):
            entries = [*waiting.pop(key, ()), *several]
            if any(e.name.endswith(CLASS) for e in entries) and len(entries) > 1:
                yield from _of_one(entries, limits)
            else:
                waiting[key] = entries  # its other members come behind a name in between
        for entries in waiting.values():
            yield from _of_one(entries, limits)

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """One an archive."""
        _refuse_missing(source)
        yield from trees.stamps(source)


FORMATS.add("webdataset", WebDataset())


def _files(source: Path) -> list[Path]:
    return sorted(p for p in source.iterdir() if not ignored(p.name) and p.is_file())


def _shards(source: Path) -> list[Path]:
    """The archives of a folder that has no folders."""
    if any(p.is_dir() and not ignored(p.name) for p in source.iterdir()):
        return []
    others = (p for p in _files(source) if not p.name.lower().endswith(SUFFIXES))
    return [p for p in others if trees.is_archive(p)]


def _has_classes(archive: Path) -> bool:
    try:
        return any(e.name.endswith(CLASS) for e in trees.peek(archive, 20))
    except InputRefused:
        return False


def _used(source: Path, limits: SampleLimits) -> Iterator[Entry]:
    """The pictures and classes, sorted by name."""
    for entry in trees.entries(source, limits):
        if not isinstance(entry, Quarantined) and _key(entry.name):
            yield entry


def _key(name: str) -> str:
    """What the members of one sample share; nothing of what is neither picture nor class."""
    if name.endswith(CLASS):
        return name.removesuffix(CLASS)
    pictured = name.lower().endswith(SUFFIXES)
    return name[: name.index(".", name.rfind("/") + 1)] if pictured else ""


def _of_one(entries: list[Entry], limits: SampleLimits) -> Iterator[RawSample | Quarantined]:
    """The pictures of one key, with its class."""
    label = next((e for e in entries if e.name.endswith(CLASS)), None)
    for entry in entries:
        if entry is label:
            continue
        payload = entry.read(limits.max_file_mib)
        if isinstance(payload, Quarantined):
            yield payload
        elif label is None:
            yield Quarantined("LABEL_MISSING", entry.name, "has no .cls beside it.", "Add it.")
        else:
            yield _labelled(entry.name, payload, label.read(limits.max_file_mib))


def _labelled(name: str, payload: bytes, label: bytes | Quarantined) -> RawSample | Quarantined:
    if isinstance(label, Quarantined):
        return label
    try:
        text = label.decode("utf-8").strip()
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > _LONGEST_LABEL:
        return Quarantined("LABEL_EMPTY", name, "has a .cls that is no short text.", "Correct it.")
    return RawSample(name, text, "", payload)


def _refuse_missing(source: Path) -> None:
    if not source.exists() or (source.is_dir() and not _shards(source)):
        remedy = "Give the tar itself, or the folder of several."
        raise InputRefused.of("SET_MISSING", str(source), "is no tar.", remedy)
