"""WebDataset tar files: members of one sample share a key: ``017.png`` and ``017.cls``."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined
from qa_assets.datasets import trees
from qa_assets.datasets.formats.image_folder import SUFFIXES
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import FORMATS, Finding, RawSample, Stamp
from qa_assets.datasets.trees import Entry

CLASS = ".cls"
"""Ending of the member that holds the class, as text."""
_LONGEST_LABEL = 200


class WebDataset:
    """One tar; every picture has a ``.cls`` beside it. Source: webdataset's documentation."""

    def fits(self, source: Path) -> bool:
        """A tar with a ``.cls`` member among its first."""
        if not trees.is_archive(source):
            return False
        try:
            return any(e.name.endswith(CLASS) for e in trees.peek(source, 20))
        except InputRefused:
            return False

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every picture with its class."""
        _refuse_missing(source)
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
        """One: the archive's."""
        _refuse_missing(source)
        yield from trees.stamps(source)


FORMATS.add("webdataset", WebDataset())


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
    if not source.is_file():
        raise InputRefused.of("SET_MISSING", str(source), "is no file.", "Give the tar itself.")
