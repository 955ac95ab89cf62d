"""A candidate beside what is released: the same samples, both answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Estimate, Metadata, Record, table

FLIPS = "flips.parquet"
FirstRelease = Literal["absolute", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBaseline(Record):
    """What the released model answers on today's test samples, from its own shipped file.

    Files, where there is a release that can be read: ``model.onnx``, ``samples.parquet``: id,
    label, group, predicted, confidence, sorted by id.

    Attributes:
        release: Digest of the release in the store; "" where there is none earlier than this
            candidate.
        version: The release's own version.
        weights_digest: Of the released weights.
        unreadable: Why a release that exists cannot be compared with; "" where it can.
        first_release: What the pipeline declares for the time before any release.
        samples: How many were answered.
    """

    release: str = ""
    version: str = ""
    weights_digest: str = ""
    unreadable: str = ""
    first_release: FirstRelease
    samples: int = 0


@dataclass(frozen=True, slots=True)
class SliceChange:
    """A part of the test samples, before and now.

    Attributes:
        name: Such as ``class 3`` or ``group block09``.
        before: Accuracy of the released model.
        now: Accuracy of the candidate.
        change: Paired difference; its coverage is corrected for the number of slices.
    """

    name: str
    before: float
    now: float
    change: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseComparison(Record):
    """The candidate against the release on the same samples.

    Files, where they could be compared: ``flips.parquet``: id, label, before, now, confidence (of
    the candidate): samples that the release answered right and the candidate answers wrong, the
    most confident first.

    Attributes:
        version: Version of the release; "" where there is none.
        unreadable: As in the baseline.
        first_release: As in the baseline.
        before: Accuracy of the release.
        now: Accuracy of the candidate.
        change: Paired difference, ``now - before``.
        p_value: McNemar's, two-sided.
        negative_flips: Right before, wrong now.
        positive_flips: Wrong before, right now.
        slices: Classes and groups.
    """

    version: str = ""
    unreadable: str = ""
    first_release: FirstRelease
    before: Estimate | None = None
    now: Estimate | None = None
    change: Estimate | None = None
    p_value: float = 1.0
    negative_flips: int = 0
    positive_flips: int = 0
    slices: tuple[SliceChange, ...] = field(default=())

    def metadata(self) -> Metadata:
        """The difference, the flips, the slices that changed most."""
        if self.change is None:
            return {"release": self.version[:12] or "none", "first release": self.first_release}
        worst = sorted(self.slices, key=lambda s: s.change.value)
        rows: list[tuple[object, ...]] = [
            (s.name, s.change.n, s.before, s.now, str(s.change)) for s in worst
        ]
        numbers: Mapping[str, str | float] = {
            "release": self.version[:12],
            "change in accuracy": self.change.value,
            "change, low": self.change.low,
            "change, high": self.change.high,
            "p value": self.p_value,
            "negative flips": self.negative_flips,
            "positive flips": self.positive_flips,
        }
        columns = ("slice", "samples", "before", "now", "change")
        return {**numbers, "slices": table(columns, rows)}
