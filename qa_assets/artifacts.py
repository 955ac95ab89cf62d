"""Unchanged means free: an artifact's key, and the store asked before anything is made.

The key of an artifact is the digest of the code that makes it, of its settings, of its inputs and,
for data that lives outside the store, of a cheap fingerprint of that data.
"""

import inspect
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from qa_assets.core.digests import digest_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.freed_memory import keep_freed_memory
from qa_assets.core.leftovers import scratch_prefix
from qa_assets.core.record import Record
from qa_assets.core.series import Series
from qa_assets.core.store import LocalStore
from qa_assets.identity import as_json, code_version


@dataclass(frozen=True, slots=True)
class Artifact:
    """One asset of a pipeline, before any orchestrator knows of it.

    Attributes:
        name: Its name below the pipeline, such as ``edge_benchmark/ort_cpu``.
        make: The call that makes it: takes the records it reads by parameter name (all of them as
            ``records``, by artifact name, where it asks for that), a ``scratch`` folder where it
            asks for one, an ``unfinished`` folder that stays where the work is cut off, a
            ``memory`` folder that stays but may be lost, and ``earlier`` records of itself where
            it asks for them.
        record: The kind of record that is made.
        reads: Kind of record by the name of each artifact it reads.
        rooms: Rooms whose code the result depends on.
        settings: Everything else it depends on, as JSON.
        outside: Fingerprint of what else it depends on, such as data outside the store; given the
            digests of what it reads where it takes a parameter.
        prepare: Brings that data about where it is missing, before its fingerprint is taken.
        kinds: Tools, for the UI.
        description: What it holds, for people.
    """

    name: str
    make: Callable[..., Record]
    record: type[Record]
    reads: Mapping[str, type[Record]]
    rooms: tuple[str, ...]
    settings: Any = None
    outside: Callable[..., str] | None = None
    prepare: Callable[[], object] | None = None
    kinds: frozenset[str] = frozenset()
    description: str = ""

    @property
    def code(self) -> str:
        """Identity of the code that makes it: the rooms it calls, and the call itself."""
        return digest_json([code_version(self.rooms), inspect.getsource(self.make)])

    @property
    def series(self) -> str:
        """Name of the sequence of records that were made with the same settings.

        Whatever code made them: who asks for earlier records judges which of them are of use.
        """
        identity = {"asset": self.name, "settings": self.settings}
        return f"series/{digest_json(identity)}"

    def key(self, inputs: Mapping[str, str]) -> str:
        """The artifact's identity before it is made; ``inputs`` are digests by artifact name."""
        return digest_json(
            {
                "asset": self.name,
                "code": self.code,
                "settings": self.settings,
                "inputs": dict(inputs),
                "outside": self._outside(inputs),
            }
        )

    def _outside(self, inputs: Mapping[str, str]) -> str:
        if self.outside is None:
            return ""
        return (
            self.outside(inputs) if inspect.signature(self.outside).parameters else self.outside()
        )


@dataclass(frozen=True, slots=True)
class Made:
    """An artifact that is now in the store.

    Attributes:
        record: The record, read back from the store.
        digest: Its name there.
        reused: Whether the store had it already.
        seconds: What it took to make it, or to find it.
    """

    record: Record
    digest: str
    reused: bool
    seconds: float


def obtain(artifact: Artifact, inputs: Mapping[str, str], store: LocalStore) -> Made:
    """Answer from the store, or make the artifact from its verified inputs and publish it.

    Args:
        artifact: What to obtain.
        inputs: Digest of each input by artifact name.
        store: Where inputs are read and the result is put.

    Raises:
        QaError: The room refused its input, or the environment does not allow it.
    """
    begun = time.perf_counter()
    if artifact.prepare:
        artifact.prepare()
    key = artifact.key(inputs)
    known = find(artifact, key, store)
    if known is not None:
        return Made(known[1], known[0], reused=True, seconds=time.perf_counter() - begun)
    keep_freed_memory()
    loaded = {name: kind.load(store.get(inputs[name])) for name, kind in artifact.reads.items()}
    series = Series(store, artifact.series, artifact.record)
    with tempfile.TemporaryDirectory(prefix=scratch_prefix(), dir=store.scratch()) as scratch:
        offered = {
            "scratch": Path(scratch),
            "unfinished": store.root / "unfinished" / key,
            "memory": store.root / "memory" / artifact.series.rpartition("/")[-1],
            "earlier": series.earlier,
        }
        digest = store.put(_call(artifact, loaded, offered).content())
    store.point(f"keys/{key}", digest)
    record = artifact.record.load(store.get(digest))
    if "earlier" in inspect.signature(artifact.make).parameters:
        series.remember(record, digest)
    return Made(record, digest, reused=False, seconds=time.perf_counter() - begun)


def find(artifact: Artifact, key: str, store: LocalStore) -> tuple[str, Record] | None:
    """The digest and record kept under ``key``; what was damaged since counts as not there."""
    digest = store.resolve(f"keys/{key}")
    if digest is None:
        return None
    try:
        return digest, artifact.record.load(store.get(digest))
    except InputRefused:
        return None


def stale(artifacts: Sequence[Artifact], store: LocalStore) -> Iterator[str]:
    """Names of the artifacts a run would have to make, in graph order.

    What lies downstream of a stale artifact is stale too, as far as anyone can know beforehand.
    """
    digests: dict[str, str] = {}
    for artifact in artifacts:
        inputs = {name: digests[name] for name in artifact.reads if name in digests}
        whole = len(inputs) == len(artifact.reads)
        known = find(artifact, artifact.key(inputs), store) if whole else None
        if known is None:
            yield artifact.name
        else:
            digests[artifact.name] = known[0]


def _call(
    artifact: Artifact, loaded: Mapping[str, Record], offered: Mapping[str, object]
) -> Record:
    wanted = inspect.signature(artifact.make).parameters
    given: dict[str, Any] = {n: v for n, v in {**loaded, **offered}.items() if n in wanted}
    if "records" in wanted:
        given["records"] = loaded
    return artifact.make(**given)


class Collector:
    """Gathers the artifacts of a pipeline as the stages declare them, in that order."""

    def __init__(self) -> None:
        self.artifacts: dict[str, Artifact] = {}

    def asset(
        self,
        *rooms: str,
        kinds: set[str],
        name: str = "",
        settings: Any = None,
        outside: Callable[..., str] | None = None,
        prepare: Callable[[], object] | None = None,
        reads: Sequence[str] | None = None,
    ) -> Callable[[Callable[..., Record]], Callable[..., Record]]:
        """Declare an asset by the function that makes it.

        The function's parameters name what it reads, its return annotation the kind of record, its
        docstring is the text in the UI.

        Args:
            *rooms: Rooms whose code the result depends on.
            kinds: Tools, for the UI.
            name: Where it is not the function's name.
            settings: Settings models it depends on.
            outside: Fingerprint of data outside the store.
            prepare: Brings that data about where it is missing.
            reads: Names of what it reads, where parameters do not say it.
        """

        def declare(make: Callable[..., Record]) -> Callable[..., Record]:
            hints = get_type_hints(make)
            given = ("return", "records", "scratch", "unfinished", "memory", "earlier")
            names = [n for n in hints if n not in given]
            artifact = Artifact(
                name=name or make.__name__,
                make=make,
                record=hints["return"],
                reads={n: self.artifacts[n].record for n in (reads or names)},
                rooms=rooms,
                settings=as_json(settings),
                outside=outside,
                prepare=prepare,
                kinds=frozenset(kinds),
                description=inspect.getdoc(make) or "",
            )
            self.artifacts[artifact.name] = artifact
            return make

        return declare
