"""What is measured about the data: quality, drift, suspicious labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Markdown, Metadata, Record, table
from qa_assets.core.records.comparison import FirstRelease

QUALITY, PAIRS = "quality.parquet", "pairs.parquet"
SUSPECTS = "suspects.parquet"
ODDEST, SUSPECT_SHEET = "oddest.png", "suspects.png"


@dataclass(frozen=True, slots=True)
class AlikeGroup:
    """Samples that look the same."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OddSample:
    """A sample far from the others of its class: which measure, its value, what is typical."""

    id: str
    name: str
    label: str
    measure: str
    value: float
    typical: float
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuality(Record):
    """What each sample is like, which ones look the same, and which are unlike their class.

    Files: ``quality.parquet``: one row a sample, sorted by id: id, label, part, noticed, the
    measures (brightness, contrast, percentiles, entropy, sharpness, aspect, warmth, width, height),
    group (number of its group of alike samples, -1 without), oddness (largest robust distance from
    its class) and odd_measure. ``pairs.parquet``: the pairs of rows that were compared closely, and
    whether they look the same. One ``<measure>.svg`` a histogram. ``oddest.png``.

    Attributes:
        samples: How many were measured.
        means: Mean by measure.
        groups: Groups of samples that look the same, those with more than one label first, then the
            largest; at most 200 are named.
        group_count: All such groups.
        disagree: Those with more than one label.
        alike: Samples in them.
        blank: Samples that are one flat colour.
        oddest: The samples farthest from their class.
    """

    samples: int
    means: Mapping[str, float]
    groups: tuple[AlikeGroup, ...] = ()
    group_count: int = 0
    disagree: int = 0
    alike: int = 0
    blank: int = 0
    oddest: tuple[OddSample, ...] = ()

    def metadata(self) -> Metadata:
        """Counts, the means, what looks the same, what is odd."""
        shown = {**Record.metadata(self), **{f"mean {k}": v for k, v in self.means.items()}}
        groups: list[tuple[object, ...]] = [
            (len(g.ids), ", ".join(sorted(set(g.labels))), ", ".join(g.names[:4]))
            for g in self.groups[:20]
        ]
        odd: list[tuple[object, ...]] = [
            (o.name, o.label, o.measure, o.value, o.typical) for o in self.oddest[:20]
        ]
        if groups:
            shown["look the same"] = table(("samples", "labels", "names"), groups)
        if odd:
            shown["oddest"] = table(("name", "class", "measure", "value", "typical"), odd)
        for name in sorted(n for n in self.files if n.endswith(".svg")):
            shown[name.removesuffix(".svg")] = self.picture(name, name)
        if ODDEST in self.files:
            shown["oddest samples"] = self.picture(ODDEST, "the oddest samples by class")
        return shown


Between = Literal["versions", "released", "splits", "tables"]


@dataclass(frozen=True, slots=True)
class Shift:
    """How differently one column is distributed in two sets.

    Attributes:
        column: Its name.
        kind: ``number``: largest gap between the distribution functions (Kolmogorov-Smirnov);
            ``word``: half the sum of the gaps between the shares (total variation);
            ``content``: how well a model tells the two sets apart by the look of the samples.
        effect: That gap, in [0, 1].
        low: Lower end of its interval, simultaneous over all columns.
        high: Upper end.
        reference: Values behind the reference.
        current: Values behind the current set.
        before: What is typical in the reference.
        after: What is typical now.
    """

    column: str
    kind: Literal["number", "word", "content"]
    effect: float
    low: float
    high: float
    reference: int
    current: int
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport(Record):
    """How far the data moved: since the version before, since the release, from train to test.

    Attributes:
        confidence: Coverage of all intervals of a comparison together.
        shifts: One entry a column, the largest first, by what was compared.
        references: What the current data were compared with, by comparison.
        unreadable: Why a release that exists could not be compared with; "" where it could.
        first_release: What the pipeline declares for the time before any release.
    """

    confidence: float
    shifts: Mapping[Between, tuple[Shift, ...]] = field(
        default_factory=dict[Between, tuple[Shift, ...]]
    )
    references: Mapping[Between, str] = field(default_factory=dict[Between, str])
    unreadable: str = ""
    first_release: FirstRelease = "undecided"

    def metadata(self) -> Metadata:
        """The largest shift of each comparison, and all of them."""
        shown: dict[str, str | int | float | bool | Markdown] = {}
        columns = ("column", "shift", "at least", "at most", "before", "now")
        for between, shifts in self.shifts.items():
            rows: list[tuple[object, ...]] = [
                (s.column, s.effect, s.low, s.high, s.before, s.after) for s in shifts
            ]
            if between in self.references:
                shown[f"{between}: compared with"] = self.references[between]
            shown[f"largest between {between}"] = max((s.effect for s in shifts), default=0.0)
            shown[f"between {between}"] = table(columns, rows)
        return shown


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that a model which never saw the sample would not give."""

    id: str
    name: str
    label: str
    suggested: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAudit(Record):
    """Every label looked at by a model that was trained without it; a ranking, not a count.

    Files: ``suspects.parquet``: id, label, suggested, score, the most suspicious first.
    ``suspects.png``.

    Attributes:
        samples: Labels that were looked at.
        left_out: Samples that were not, for time or since they are of a small class.
        small: Classes with too few samples among them to be looked at.
        agreement: Share whose label is the model's first choice.
        suspects: The most suspicious, at most 50 of them: score is the probability of the label
            minus that of the best other one, in [-1, 1].
    """

    samples: int
    left_out: int = 0
    small: tuple[str, ...] = ()
    agreement: float
    suspects: tuple[Suspect, ...] = ()

    def metadata(self) -> Metadata:
        """Counts and the first of the ranking."""
        rows: list[tuple[object, ...]] = [
            (s.name, s.label, s.suggested, s.score) for s in self.suspects[:30]
        ]
        shown = dict(Record.metadata(self))
        shown["most suspicious"] = table(("name", "label", "rather", "score"), rows)
        if SUSPECT_SHEET in self.files:
            shown["suspects"] = self.picture(SUSPECT_SHEET, "the most suspicious labels by class")
        return shown
