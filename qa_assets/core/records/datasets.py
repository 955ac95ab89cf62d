"""What a dataset version holds: its samples, their counts and measures, their splits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Markdown, Metadata, Record, table

Split = Literal["train", "validation", "test"]
SAMPLES = "samples.parquet"
PARTS = "parts.parquet"
PAYLOAD_SHARD, MEASURES_SHARD = "payload-{:05d}.parquet", "measures-{:05d}.arrow"
ROWS, BLOCKS = "rows.arrow", "blocks.arrow"
CONTACT_SHEET = "contact_sheet.png"
STATISTICS = "statistics.parquet"
CLASS_BARS = "classes.svg"
SKETCHES, PREVIOUS, SHARD_SKETCHES = "sketches.json", "previous.json", "shards.json"
LOOKS, PREVIOUS_LOOKS = "looks.parquet", "previous_looks.parquet"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A sample that was set aside: why, where, and what would be right."""

    code: str
    item: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd about a sample that is used all the same: what, where, and the rule applied."""

    code: str
    item: str
    message: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSnapshot(Record):
    """An immutable copy of one dataset version.

    Files: ``samples.parquet``: one row a sample, sorted by ``id``: id (SHA-256 of the payload,
    32 bytes), label, group, name (where it was found), attributes (see ``core.attributes``), copies
    (how often), bytes, format, width, height, mode.
    ``parts.parquet``: same rows: part (the side the source puts it on, "" where it does not say;
    with commas where the same bytes stand on several).
    ``payload-NNNNN.parquet``: id and payload (the raw bytes as they were found).
    ``measures-NNNNN.arrow``: same rows as the payloads of that number, what was measured of each:
    key (the id as bytes) and the columns of ``qa_assets.datasets.contents``. ``contact_sheet.png``.
    ``rows.arrow``: same rows as ``samples.parquet``: row of each among all payloads.
    ``blocks.arrow``, of sources that are arrays: digest of some pictures that lie behind one
    another, and the row of each among all measures.

    Attributes:
        name: What people call the dataset; no part of its version.
        version: Digest of the ids, labels, groups and attributes.
        samples: Distinct contents.
        classes: Their labels, sorted.
        quarantined: What was set aside.
        remarks: What is odd about samples that are used: the first of each kind.
        remark_counts: How many there are of each kind.
    """

    name: str
    version: str
    samples: int
    classes: tuple[str, ...]
    quarantined: tuple[Quarantined, ...] = ()
    remarks: tuple[Remark, ...] = ()
    remark_counts: Mapping[str, int] = field(default_factory=dict[str, int])

    def metadata(self) -> Metadata:
        """Counts, what was set aside and why, what is odd, and some samples to look at."""
        shown = {
            "samples": self.samples,
            "classes": len(self.classes),
            "version": self.version[:12],
            "quarantined": len(self.quarantined),
        }
        if self.quarantined:
            rows = [(q.code, q.item, q.message) for q in self.quarantined]
            shown["set aside"] = table(("code", "item", "reason"), rows)  # pyright: ignore[reportArgumentType]
        if self.remarks:
            shown["odd but used"] = sum(self.remark_counts.values())
            rows = [(r.code, self.remark_counts[r.code], r.item, r.message) for r in self.remarks]
            shown["what is odd"] = table(("code", "times", "item", "rule"), rows)  # pyright: ignore[reportArgumentType]
        if CONTACT_SHEET in self.files:
            shown["contact sheet"] = self.picture(CONTACT_SHEET, "one row a class")  # pyright: ignore[reportArgumentType]
        return shown


@dataclass(frozen=True, slots=True)
class VersionNumbers:
    """What is remembered of a version of a dataset."""

    version: str
    samples: int
    classes: int
    brightness_mean: float
    brightness_std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetStatistics(Record):
    """Numbers that describe a snapshot.

    Files: ``statistics.parquet``: one row a class: label, samples, share, and of the pixels in
    [0, 1] brightness_mean, brightness_std, contrast_mean, width_min, width_max, height_min,
    height_max, bytes_mean. ``classes.svg``: bars of the class counts. ``sketches.json``: one
    mergeable sketch a column. ``shards.json``: those of the measures of the largest shards, by the
    digest of these. ``looks.parquet``: id and thumbnail of some samples.
    ``previous.json``, ``previous_looks.parquet``: those of the version before, if any.

    Attributes:
        version: Of the dataset.
        samples: How many there are.
        class_counts: Samples by class.
        groups: Distinct groups.
        brightness_mean: Over all samples, in [0, 1].
        brightness_std: Over all samples.
        measured_by: Identity of the code that decides what the measures mean.
        history: The same for each version before, the oldest first.
    """

    samples: int
    class_counts: Mapping[str, int]
    groups: int
    brightness_mean: float
    brightness_std: float
    version: str = ""
    measured_by: str = ""
    history: tuple[VersionNumbers, ...] = ()

    def metadata(self) -> Metadata:
        """The numbers, the class bars, and how it came to be."""
        shown = {k: v for k, v in Record.metadata(self).items() if k != "measured_by"}
        rows: list[tuple[object, ...]] = list(self.class_counts.items())
        shown["samples per class"] = table(("class", "samples"), rows)
        past: list[tuple[object, ...]] = [
            (v.version[:12], v.samples, v.classes, v.brightness_mean) for v in self.history
        ]
        if past:
            columns = ("version", "samples", "classes", "brightness")
            shown["versions before"] = table(columns, past)
        if CLASS_BARS in self.files:
            shown["classes"] = self.picture(CLASS_BARS, "samples per class")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSplits(Record):
    """Which sample is used for what; a sample never changes side when data grows.

    Files: ``samples.parquet``: id, label, group, attributes, split (train, validation or test),
    sorted by id. A sample that the source itself puts on two sides stands there twice.

    Attributes:
        counts: Samples by split.
        groups: Groups by split.
        class_counts: Samples by split and class.
        by: What decides the side.
        named: Samples by the side that the source names, whether or not it decides.
    """

    counts: Mapping[str, int]
    groups: Mapping[str, int]
    class_counts: Mapping[str, Mapping[str, int]]
    by: Literal["content", "source"] = "content"
    named: Mapping[str, int] = field(default_factory=dict[str, int])

    def metadata(self) -> Metadata:
        """Counts a split, and a split and class."""
        classes = sorted({c for counts in self.class_counts.values() for c in counts})
        rows: list[tuple[object, ...]] = [
            (s, n, self.groups.get(s, 0), *(self.class_counts[s].get(c, 0) for c in classes))
            for s, n in self.counts.items()
        ]
        shown: dict[str, str | int | float | bool | Markdown] = dict(self.counts)
        shown["splits"] = table(("split", "samples", "groups", *classes), rows)
        shown["sides are decided by"] = "the source" if self.by == "source" else "content and group"
        if self.named and self.by != "source":
            sides = ", ".join(f"{name or 'no side'}: {n}" for name, n in self.named.items())
            shown["the source itself names"] = f"{sides} (splits: {{by: source}} would use it)"
        return shown
