"""What no archive may hold, whatever its kind: hostile names, too many members, too much inside.

Source: CVE-2007-4559 (tar traversal), "zip slip".
"""

from pathlib import Path

from qa_assets.core.errors import InputRefused
from qa_assets.datasets.settings import SampleLimits
from qa_assets.datasets.source import visible

MIB = 1 << 20


def check_name(name: str, archive: str = "") -> None:
    """Refuse a name that leads out of the archive: ``ARC_NAME``, ``ARC_TRAVERSAL``."""
    if "\0" in name:
        item = f"{archive} {visible(name)}".strip()
        raise refused("ARC_NAME", item, "has a NUL byte in a member's name.")
    slashed = name.replace("\\", "/")
    drive = len(name) > 1 and name[1] == ":"
    if slashed.startswith("/") or drive or ".." in slashed.split("/"):
        raise refused("ARC_TRAVERSAL", visible(name), "is a member that leaves the archive.")


def check_count(count: int, source: Path, limits: SampleLimits) -> None:
    """Refuse too many members: ``ARC_MEMBERS``."""
    if count > limits.max_members:
        what = f"has {count} members, at most {limits.max_members} are accepted."
        raise refused("ARC_MEMBERS", source.name, what, "Split it, or raise limits.max_members.")


def check_size(name: str, size: int, packed: int, limits: SampleLimits) -> None:
    """Refuse a member that is packed too well to be a picture: ``ARC_BOMB``."""
    if size > MIB and size > limits.max_ratio * max(packed, 1):
        what = (
            f"unpacks to {size / max(packed, 1):.0f} times its size, at most {limits.max_ratio:g}."
        )
        raise refused("ARC_BOMB", visible(name), what)


def check_total(total: int, source: Path, limits: SampleLimits) -> None:
    """Refuse an archive that holds too much: ``ARC_BOMB``."""
    if total > limits.max_total_mib * MIB:
        what = f"unpacks to {total / MIB:.0f} MiB, at most {limits.max_total_mib:g} are accepted."
        raise refused("ARC_BOMB", source.name, what, "Raise limits.max_total_mib.")


def torn(source: Path) -> InputRefused:
    """What is said of an archive that is not whole."""
    return refused(
        "ARC_CORRUPT", source.name, "ends in the middle or is damaged.", "Fetch it again."
    )


def refused(code: str, item: str, what: str, remedy: str = "") -> InputRefused:
    """What is said of an archive; for the caller to raise."""
    return InputRefused.of(code, item, what, remedy)
