"""Raw bytes packed into Parquet files: a few large files instead of many small ones."""

from collections.abc import Collection, Mapping
from pathlib import Path

SHARD_BYTES = 64 << 20
"""Payload of one shard; a reader holds one of them in memory."""


class ShardWriter:
    """Writes ``payload-NNNNN.parquet`` files into a folder, as many as it takes."""

    def __init__(self, folder: Path, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder = folder
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

    def close(self, *, without: Collection[str] = ()) -> Mapping[str, Path]:
        """Finish, dropping samples that turned out to be unusable.

        Returns:
            The shards by name.
        """
        self._flush()
        dropped = frozenset(without)
        if dropped:
            for path in self._files.values():
                _drop(path, dropped)
        return dict(self._files)

    def _flush(self) -> None:
        if not self._ids:
            return
        name = f"payload-{len(self._files):05d}.parquet"
        self._files[name] = self._folder / name
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


def _drop(path: Path, dropped: frozenset[str]) -> None:
    import pyarrow.parquet as pq

    shard = pq.read_table(path)
    ids, payloads = shard["id"].to_pylist(), shard["payload"].to_pylist()
    kept = [(i, p) for i, p in zip(ids, payloads, strict=True) if i not in dropped]
    if len(kept) < len(ids):
        _write(path, [i for i, _ in kept], [p for _, p in kept])
