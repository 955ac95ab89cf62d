"""The declared preprocessing as data: what goes in, what comes out, by which libraries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from qa_assets.core.record import Metadata, Record, table
from qa_assets.core.records.comparison import FirstRelease

GOLDEN_INPUTS = "golden.parquet"
DECODED, NORMALISED = "decoded.npy", "normalised.npy"
Part = Literal["decoder", "interpolation", "normalisation", "size", "library"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is otherwise than in the release.

    Attributes:
        part: Which step of the preprocessing.
        what: What differs, in words.
        before: In the release.
        now: Today.
        inputs: Golden inputs whose outcome differs.
    """

    part: Part
    what: str
    before: str
    now: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreprocessingContract(Record):
    """What the declared preprocessing makes of golden inputs.

    Files: ``golden.parquet``: name (a sample's id, or what the made picture tries), payload (raw
    bytes). ``decoded.npy``: uint8, shape (input, height, width, channel), same order.
    ``normalised.npy``: float32, shape (input, channel, height, width).

    Attributes:
        spec: The declared settings by name.
        libraries: Version of whatever decodes, resizes and computes.
        inputs: How many golden inputs there are.
        round_trip_error: Largest difference, in stored levels, of any level that is normalised and
            brought back.
        reference: The newest release whose preprocessing is another one; "" without any.
        changes: How it differs from that.
        unreadable: Why a release that exists could not be compared with; "" where it could.
        first_release: What the pipeline declares for the time before any release.
        released: Whether a release has this very preprocessing; only said where ``first_release``
            leaves it undecided.
    """

    spec: Mapping[str, str]
    libraries: Mapping[str, str]
    inputs: int
    round_trip_error: float
    reference: str = ""
    changes: tuple[Change, ...] = ()
    unreadable: str = ""
    first_release: FirstRelease = "undecided"
    released: bool = False

    def metadata(self) -> Metadata:
        """The settings, the libraries, what changed."""
        shown = dict(Record.metadata(self))
        rows: list[tuple[object, ...]] = [*self.spec.items(), *self.libraries.items()]
        shown["declared, and by what"] = table(("setting or library", "value"), rows)
        changes: list[tuple[object, ...]] = [
            (c.part, c.what, c.before, c.now, len(c.inputs)) for c in self.changes
        ]
        if changes:
            columns = ("part", "what", "in the release", "now", "inputs that differ")
            shown["changed since the release"] = table(columns, changes)
        return shown
