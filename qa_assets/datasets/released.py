"""The data that the released model was made from, as far as the store still has it."""

import json
from dataclasses import dataclass

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import DatasetSnapshot, DatasetStatistics
from qa_assets.core.records.export import MODEL
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore, short

EVIDENCE = "evidence/dataset_statistics.json"


@dataclass(frozen=True, slots=True)
class ReleasedData:
    """What a release knows of its data.

    Attributes:
        name: The release and its data version, for people; "" where there is no such release.
        statistics: Its sketches; None where they cannot be read.
        snapshot: Its samples; None where they cannot be read.
        model: The shipped file; b"" where there is none.
        unreadable: Why a release that exists cannot be compared with; "" where it can.
    """

    name: str = ""
    statistics: DatasetStatistics | None = None
    snapshot: DatasetSnapshot | None = None
    model: bytes = b""
    unreadable: str = ""


def other_release(store: LocalStore, pipeline: str, version: str) -> str:
    """Digest of the newest release that was made from another data version; "" without any.

    What was released from these very data says nothing about drift, and a run that changes nothing
    finds the same reference as the run that made its own release.
    """
    past = store.names(f"history/{pipeline}/release")
    newest = sorted(past, key=store.pointed_at, reverse=True)
    digests = [store.resolve(f"latest/{pipeline}/release"), *map(store.resolve, newest)]
    for digest in dict.fromkeys(d for d in digests if d):
        if data_version(store, digest) != version:
            return digest
    return ""


def data_version(store: LocalStore, release: str) -> str:
    """The data version of a release, from its own bundle; "" where that cannot be read."""
    try:
        return str(json.loads(store.read(release, EVIDENCE))["version"])
    except InputRefused:
        return ""


def released_data(store: LocalStore, release: str) -> ReleasedData:
    """Read what is left of a release's data; that it cannot be read is said, never raised."""
    if not release:
        return ReleasedData()
    try:
        shipped = Release.load(store.get(release))
        digests, model = shipped.evidence, shipped.read(MODEL)
        statistics = DatasetStatistics.load(store.get(digests["dataset_statistics"]))
        snapshot = DatasetSnapshot.load(store.get(digests["dataset_snapshot"]))
    except (InputRefused, KeyError) as error:
        return ReleasedData(f"release {short(release)}", unreadable=str(error))
    name = f"release {short(shipped.version)} on data version {short(statistics.version)}"
    return ReleasedData(name, statistics, snapshot, model)
