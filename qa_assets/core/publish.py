"""One publish, one verify: a folder appears whole or not at all; it is checked, then read."""

import errno
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from qa_assets.core.digests import canonical_json, digest_bytes, digest_file
from qa_assets.core.errors import InputRefused, environment_fault
from qa_assets.core.folders import files_below, sync_file, sync_folder
from qa_assets.core.leftovers import draft_file, draft_prefix
from qa_assets.core.unchanged import Mark, digest_of, link, mark_of, settle

MANIFEST = "MANIFEST.json"
Content = Mapping[str, bytes | Path]
"""What a folder is to hold: relative POSIX name -> its bytes, or the file to copy."""


def manifest_of(files: Content) -> dict[str, str]:
    """SHA-256 of each file by name."""
    return {
        name: digest_bytes(body) if isinstance(body, bytes) else digest_of(body)
        for name, body in sorted(files.items())
    }


def publish(
    files: Content,
    target: Path,
    *,
    immutable: Path | None = None,
    given: Path | None = None,
    digests: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Write ``files`` and their manifest as the folder ``target``, atomically.

    A temporary sibling is written, the manifest last, synced as a whole (which file systems do in
    one go), then renamed, then the parent is synced. Where ``target`` is already there, it stays as
    it is: its name is its content.

    Args:
        files: What the folder is to hold.
        target: The folder.
        immutable: Files below this folder were published before: they are linked, not copied, so
            that the next version of a dataset takes no second copy of what it keeps.
        given: Files below this folder are moved, not copied.
        digests: SHA-256 of each file as it was just taken, which is not taken again: what is read
            back now comes from memory, and who reads the folder verifies it.

    Returns:
        The manifest: SHA-256 by file name.

    Raises:
        EnvironmentFault: The disk or its permissions do not allow it; nothing is left behind.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=draft_prefix(), dir=target.parent))
    except OSError as error:
        raise environment_fault(error, str(target)) from error
    try:
        marks, brought = _fill(draft, files, immutable, given)
        manifest = {name: (digests or {}).get(name) or digest_file(draft / name) for name in marks}
        _write(draft / MANIFEST, canonical_json(manifest) + b"\n")
        _sync(draft, brought)
        draft.chmod(0o755)
        _rename(draft, target)
        sync_folder(target.parent)
        settle(target, marks, manifest)
    except OSError as error:
        raise environment_fault(error, str(target)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def _fill(
    draft: Path, files: Content, immutable: Path | None, given: Path | None
) -> tuple[dict[str, Mark | None], list[str]]:
    """Bring the files into the folder.

    Returns:
        What tells each from a touched one, where that is known; and those that are not linked.
    """
    marks: dict[str, Mark | None] = {}
    brought: list[str] = []
    # links first: they count as changes of their files, which are remembered a tick later
    for name, body in sorted(files.items(), key=lambda f: not _below(f[1], immutable)):
        place = draft / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (_below(body, immutable) and _linked(place, body, name, marks)):
            _bring(place, body, given)
            marks[name] = mark_of(place)
            brought.append(name)
    return marks, brought


def _sync(draft: Path, brought: Sequence[str]) -> None:
    """Make a folder durable; what was linked is so already."""
    for name in (*brought, MANIFEST):
        sync_file(draft / name)
    for folder in {path.parent for path in draft.rglob("*")}:
        sync_folder(folder)


def verify(folder: Path) -> dict[str, str]:
    """Check every file of a published folder against its manifest, before any parser sees it.

    Returns:
        The manifest.

    Raises:
        InputRefused: ``ARTIFACT_MISSING`` without the folder or its manifest, ``ARTIFACT_TAMPERED``
            where a file is missing, unexpected or has other bytes than were published.
    """
    try:
        manifest = _read_manifest(folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputRefused.of(
            "ARTIFACT_MISSING", folder.name, "is not in the store.", "Run the pipeline again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _tampered(folder, MANIFEST, "is not readable") from error
    found = dict(files_below(folder))
    found.pop(MANIFEST)
    for name in sorted(manifest.keys() | found.keys()):
        if name not in found:
            raise _tampered(folder, name, "is missing")
        if name not in manifest:
            raise _tampered(folder, name, "is not in the manifest")
        regular = found[name].is_file() and not found[name].is_symlink()  # a pipe would never end
        if not regular or digest_of(found[name]) != manifest[name]:
            raise _tampered(folder, name, "has other bytes than were published")
    return manifest


def read_verified(folder: Path, name: str) -> tuple[bytes, dict[str, str]]:
    """One file of a published folder, whatever became of the others, and the manifest.

    Raises:
        InputRefused: ``ARTIFACT_MISSING`` without the folder, its manifest or that file,
            ``ARTIFACT_TAMPERED`` where one of the two is damaged.
    """
    try:
        manifest, body = _read_manifest(folder), (folder / name).read_bytes()
    except OSError as error:
        raise InputRefused.of(
            "ARTIFACT_MISSING", folder.name, f"has no {name}.", "Run the pipeline again."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _tampered(folder, MANIFEST, "is not readable") from error
    if digest_bytes(body) != manifest.get(name):
        raise _tampered(folder, name, "has other bytes than were published")
    return body, manifest


def _read_manifest(folder: Path) -> dict[str, str]:
    manifest: object = json.loads((folder / MANIFEST).read_bytes())
    if not isinstance(manifest, dict):
        raise ValueError("a manifest maps names to digests")
    return manifest


def replace_file(path: Path, body: bytes) -> None:
    """Swap a single file (a pointer, a page) in one step.

    Raises:
        EnvironmentFault: The disk or its permissions do not allow it; the old file stays.
    """
    draft = draft_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(draft, body)
            sync_file(draft)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise environment_fault(error, str(path)) from error


def _write(place: Path, body: bytes | Path) -> None:
    with place.open("wb") as stream:
        if isinstance(body, bytes):
            stream.write(body)
        else:
            with body.open("rb") as source:
                shutil.copyfileobj(source, stream, 1 << 20)


def _below(body: bytes | Path, folder: Path | None) -> TypeGuard[Path]:
    return isinstance(body, Path) and folder is not None and body.is_relative_to(folder)


def _bring(place: Path, body: bytes | Path, given: Path | None) -> None:
    """Move a file that was made for this, write any other."""
    if _below(body, given):
        body.rename(place)
    else:
        _write(place, body)


def _linked(place: Path, body: Path, name: str, marks: dict[str, Mark | None]) -> bool:
    """Make a second name for a file, where the file system can."""
    try:
        marks[name] = link(place, body)
    except OSError:  # a file system without links, or one that allows no more of them
        return False
    return True


def _rename(draft: Path, target: Path) -> None:
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) and not target.is_dir():
            raise


def _tampered(folder: Path, name: str, what: str) -> InputRefused:
    return InputRefused.of(
        "ARTIFACT_TAMPERED",
        f"{folder.name}/{name}",
        f"{what}.",
        "Remove that folder from the store; the next run makes it again.",
    )
