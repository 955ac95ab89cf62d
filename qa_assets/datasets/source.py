"""The seam every dataset format fills: one reader that yields raw samples and findings."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, Protocol

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import Quarantined, Remark
from qa_assets.core.registry import Registry
from qa_assets.datasets.settings import SampleLimits


class RawSample(NamedTuple):  # made a million times: a frozen dataclass costs four times as much
    """One sample as it was found; whether it can be decoded is not known yet.

    Attributes:
        name: Where it was found: POSIX, relative to the source, valid UTF-8.
        label: Its class, as text.
        group: What it must not be separated from; "" where the format does not say.
        payload: Its bytes; or the file of its own that holds them and nothing else, which is
            opened by who needs them.
        part: The side the source itself puts it on (``train``, ``test``); "" where it does not say.
        attributes: What else it says, as ``core.attributes`` writes it.
    """

    name: str
    label: str
    group: str
    payload: "bytes | Unread"
    part: str = ""
    attributes: str = ""


class Unread(Protocol):
    """A regular file that was found and not opened yet."""

    @property
    def mark(self) -> bytes:
        """What tells it from a touched one."""
        ...

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    @property
    def changed_ns(self) -> int:
        """When anything of it was changed last, in nanoseconds since 1970."""
        ...

    def read(self, max_mib: float) -> bytes | Quarantined:
        """Its bytes, or why they are not read."""
        ...


Finding = Quarantined | Remark
"""What is said about a sample: it was set aside, or it was used although it is odd."""


class Stamp(NamedTuple):
    """What tells a changed source from an unchanged one without opening it."""

    name: str
    size: int
    mtime_ns: int


class DatasetFormat(Protocol):
    """A way samples are laid out on disk.

    The same source gives the same sequence in every process. What cannot be a sample is yielded
    as a finding, never raised and never dropped; nothing but regular files below the source is
    opened.
    """

    def fits(self, source: Path) -> bool:
        """Whether the content of ``source`` is laid out this way; its name decides nothing."""
        ...

    def read(self, source: Path, limits: SampleLimits) -> Iterator[RawSample | Finding]:
        """Every sample and every finding, in an order that only the names decide.

        Raises:
            InputRefused: ``SET_MISSING``: there is no such source, or it is of another kind.
        """
        ...

    def stamps(self, source: Path) -> Iterator[Stamp]:
        """Name, size and time of everything that ``read`` would open or find; opens nothing."""
        ...


FORMATS: Registry[DatasetFormat] = Registry("qa_assets.datasets.formats")


def format_named(name: str) -> DatasetFormat:
    """The reader of that name.

    Raises:
        InputRefused: ``SET_FORMAT``: there is none; the message lists those there are.
    """
    if name not in FORMATS:
        raise InputRefused.of(
            "SET_FORMAT", name, "is no known dataset format.", f"Known: {', '.join(FORMATS)}."
        )
    return FORMATS[name]


FALLBACK = "image_folder"
_NEEDED = "Give a folder, an archive or a file."
_ALIKE = 0.7
"""Of 1, how alike a name has to be to be the one that was meant."""


def detect(source: Path) -> str:
    """Name of the format that ``source`` is laid out in, judged by its content.

    Raises:
        InputRefused: ``SET_MISSING``: there is nothing there.
    """
    if not source.exists():
        raise InputRefused.of(
            "SET_MISSING", str(source), "does not exist.", f"{_NEEDED}{_near(source)}"
        )
    fitting = (name for name in FORMATS if name != FALLBACK and FORMATS[name].fits(source))
    return next(fitting, FALLBACK)


def _near(source: Path) -> str:
    """What is there and spelt nearly so; "" where nothing is."""
    try:
        names = [path.name for path in source.parent.iterdir()]
    except OSError:
        return ""
    found = get_close_matches(source.name, names, n=1, cutoff=_ALIKE)
    return f" Did you mean {visible(str(source.parent / found[0]))!r}?" if found else ""


def visible(text: str) -> str:
    """``text`` on one line with everything that does not print spelt as an escape."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )


def shown(name: str) -> str:
    """A file name as text that every writer takes: what is not UTF-8 is spelt in hex."""
    raw = name.encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")
