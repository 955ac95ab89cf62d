"""The artifact store: content by digest, and names that point at it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from qa_assets.core.digests import digest_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.publish import (
    Content,
    manifest_of,
    publish,
    read_verified,
    replace_file,
    verify,
)
from qa_assets.core.unchanged import keep, recall

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ArtifactStore(Protocol):
    """Where artifacts live: two methods for content, two for names."""

    def put(self, files: Content) -> str:
        """Publish files as one artifact; its digest is the digest of its manifest."""
        ...

    def get(self, digest: str) -> Path:
        """A verified local folder with the artifact's files, not to be written to."""
        ...

    def point(self, name: str, digest: str) -> None:
        """Let ``name`` stand for the artifact, from now on and in one step."""
        ...

    def resolve(self, name: str) -> str | None:
        """The digest that ``name`` stands for, if it stands for one."""
        ...


def content_digest(files: Content) -> str:
    """The digest under which a store would keep these files."""
    return digest_json(manifest_of(files))


class LocalStore:
    """A store in a folder: ``objects/<digest>/`` and ``names/<name>``.

    ``verified.json`` remembers which large files were read whole; it may be removed at any time.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._memory = root / "verified.json"

    def put(self, files: Content) -> str:
        """Publish; what is there already is verified, and replaced where it was damaged.

        Files in the store's scratch folder are moved from there.
        """
        recall(self._memory)
        manifest = manifest_of(files)
        digest = digest_json(manifest)
        target = self._object(digest)
        if target.exists() and not _intact(target):
            shutil.rmtree(target)
        if not target.exists():
            objects, scratch = self.root / "objects", self.root / "scratch"
            publish(files, target, immutable=objects, given=scratch, digests=manifest)
        keep(self._memory)
        return digest

    def get(self, digest: str) -> Path:
        """The verified folder.

        Raises:
            InputRefused: ``ARTIFACT_MISSING`` or ``ARTIFACT_TAMPERED``.
        """
        folder = self._object(digest)
        recall(self._memory)
        _published(verify(folder), digest)
        keep(self._memory)
        return folder

    def read(self, digest: str, name: str) -> bytes:
        """One verified file of an artifact, even where its other files are damaged.

        Raises:
            InputRefused: ``ARTIFACT_MISSING`` or ``ARTIFACT_TAMPERED``: of that file.
        """
        body, manifest = read_verified(self._object(digest), name)
        _published(manifest, digest)
        return body

    def point(self, name: str, digest: str) -> None:
        """Swap the pointer file."""
        replace_file(self._name(name), f"{digest}\n".encode())

    def resolve(self, name: str) -> str | None:
        """Read the pointer file; a damaged one counts as absent."""
        try:
            text = self._name(name).read_text(encoding="ascii").strip()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, UnicodeDecodeError):
            return None
        return text if _DIGEST.fullmatch(text) else None

    def names(self, prefix: str) -> Iterator[str]:
        """Every name below ``prefix``, sorted."""
        root = self.root / "names"
        for path in sorted((root / prefix).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(root).as_posix()

    def pointed_at(self, name: str) -> float:
        """When ``name`` was last pointed at something, in seconds since 1970."""
        return self._name(name).stat().st_mtime

    def scratch(self) -> Path:
        """A folder on the store's disk for what is being made."""
        folder = self.root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _object(self, digest: str) -> Path:
        if not _DIGEST.fullmatch(digest):
            raise InputRefused.of(
                "ARTIFACT_MISSING", digest[:80], "is not a digest.", "Digests are 64 hex digits."
            )
        return self.root / "objects" / digest[:2] / digest

    def _name(self, name: str) -> Path:
        parts = name.split("/")
        if any(part in ("", ".", "..") for part in parts):
            raise InputRefused.of("NAME_SPECIAL", name, "is no name for an artifact.")
        return self.root / "names" / Path(*parts)


def _published(manifest: dict[str, str], digest: str) -> None:
    if digest_json(manifest) != digest:
        raise InputRefused.of(
            "ARTIFACT_TAMPERED",
            digest,
            "has a manifest that is not the published one.",
            "Remove that folder from the store; the next run makes it again.",
        )


def short(digest: str) -> str:
    """The first twelve digits, as people read it."""
    return digest[:12]


def _intact(folder: Path) -> bool:
    try:
        verify(folder)
    except InputRefused:
        return False
    return True
