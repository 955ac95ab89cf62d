"""Records of one kind over time: the latest, and each by its version."""

from dataclasses import dataclass

from qa_assets.core.errors import InputRefused
from qa_assets.core.record import Record
from qa_assets.core.store import LocalStore


@dataclass(frozen=True, slots=True)
class Series:
    """The records that were made with the same settings, by today's code or by other.

    Attributes:
        store: Where they are.
        name: Prefix of their names there.
        kind: What they are.
    """

    store: LocalStore
    name: str
    kind: type[Record]

    def earlier(self, version: str) -> Record | None:
        """The record of a version, the latest for ""; what was damaged since is not there."""
        digest = self.store.resolve(f"{self.name}/{version or 'latest'}")
        try:
            return self.kind.load(self.store.get(digest)) if digest else None
        except InputRefused:
            return None

    def remember(self, record: Record, digest: str) -> None:
        """Let the names of a record point at it."""
        self.store.point(f"{self.name}/latest", digest)
        version = getattr(record, "version", None)
        if isinstance(version, str):
            self.store.point(f"{self.name}/{version}", digest)
