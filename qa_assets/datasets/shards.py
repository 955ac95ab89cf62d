"""Raw bytes packed into Parquet files: a few large files instead of many small ones."""

from collections.abc import Collection, Mapping
from pathlib import Path

from qa_assets.core.record import Record

SHARD_BYTES = 64 << 20
"""Payload of one shard; a reader holds one of them in memory."""


class ShardWriter:
    """Writes ``payload-NNNNN.parquet`` files into a folder, as many as it takes."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder = folder
        self._shard_bytes = shard_bytes
        self._ids: list[str] = []
        self._payloads: list[bytes] = []
        self._pending = 0
        self._files: dict[str, Path] = {}

    def add(self, sample: str, payload: bytes) -> None:
        """Append one sample."""
        self._ids.append(sample)
        self._payloads.append(payload)
        self._pending += len(payload)
        if self._pending >= self._shard_bytes:
            self._flush()

    def close(self, *, kept: Collection[str]) -> Mapping[str, Path]:
        """Finish, keeping only samples that turned out to be usable.

        Returns:
            The shards by name.
        """
        self._flush()
        return {name: path for name, path in self._files.items() if _keep(path, path, kept)}

    def _flush(self) -> None:
        if not self._ids:
            return
        name = f"payload-{len(self._files):05d}.parquet"
        self._files[name] = self.folder / name
        _write(self._files[name], self._ids, self._payloads)
        self._ids, self._payloads, self._pending = [], [], 0


def _write(path: Path, ids: list[str], payloads: list[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array(ids, pa.string()), "payload": pa.array(payloads, pa.large_binary())}
    # Image files are compressed already, and a dictionary of distinct bytes would only double them.
    pq.write_table(
        pa.table(columns), path, compression="none", use_dictionary=False, write_statistics=False
    )


def kept_shards(snapshot: Record, kept: Collection[str], folder: Path) -> list[Path]:
    """The shards of an earlier snapshot, as they are where all of their samples are still used."""
    found: list[Path] = []
    for name in sorted(n for n in snapshot.files if n.startswith("payload-")):
        old = snapshot.files[name]
        if isinstance(old, bytes):
            path = folder / f"earlier-{name}"
            path.write_bytes(old)
            old = path
        place = _keep(old, folder / f"earlier-{name}", kept)
        if place is not None:
            found.append(place)
    return found


def _keep(path: Path, place: Path, kept: Collection[str]) -> Path | None:
    """A shard without what is not kept: itself, a new one at ``place``, or none."""
    import pyarrow.parquet as pq

    ids = pq.read_table(path, columns=["id"])["id"].to_pylist()
    wanted = [i in kept for i in ids]
    if all(wanted):
        return path
    if not any(wanted):
        return None
    payloads = pq.read_table(path, columns=["payload"])["payload"].to_pylist()
    chosen = [(i, p) for i, p, w in zip(ids, payloads, wanted, strict=True) if w]
    _write(place, [i for i, _ in chosen], [p for _, p in chosen])
    return place
