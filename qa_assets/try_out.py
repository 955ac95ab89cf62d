"""``qa try``: what a folder, archive or table is worth, before anything is configured."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused, QaError
from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.records.quality import LabelAudit, SampleQuality, Shift

Row = tuple[object, ...]
SHOWN = 15
SHOWN_OF_A_KIND = 3
LOOK = InputSpec(height=16, width=16, channels=1)
"""What the label audit sees of a picture nobody has described yet."""
GAINED = 0.25
"""Of what the share of the largest class leaves open, a model that is worth asking knows more."""
UNEVEN = 3.0
"""Samples of the largest class over those of the smallest from which they are worth a word."""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the report, with a line that says what it means."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def try_pictures(path: Path) -> Iterator[Section]:
    """Everything the data assets find with their defaults.

    Raises:
        InputRefused: The data cannot be used at all.
    """
    from qa_assets.datasets.label_audit import label_audit
    from qa_assets.datasets.quality import quality
    from qa_assets.datasets.settings import DatasetSettings
    from qa_assets.datasets.snapshot import snapshot
    from qa_assets.datasets.source import detect

    kind, whole = detect(path), path.resolve()
    with tempfile.TemporaryDirectory(prefix="qa-try-") as scratch:
        settings = DatasetSettings(path=whole.name, format=kind)
        taken = snapshot(settings, whole.name, whole.parent, Path(scratch))
        yield _overview(taken, kind)
        yield from _findings(taken)
        yield from _of_quality(quality(taken))
        try:
            yield from _of_labels(label_audit(taken, LOOK), _largest(taken))
        except InputRefused as small:
            yield Section("Labels were not looked at", ("why",), ((str(small),),))


def try_table(path: Path, against: Path | None) -> Iterator[Section]:
    """The columns of a table, and how far each moved from another table.

    Raises:
        InputRefused: It cannot be read.
    """
    from qa_assets.datasets.arrays import NPY_MAGIC
    from qa_assets.datasets.drift import drift, uncompared
    from qa_assets.datasets.hints import refuse_foreign
    from qa_assets.datasets.sketches import Numbers
    from qa_assets.datasets.tables import sketch_file, unsketched

    if path.read_bytes()[: len(NPY_MAGIC)] == NPY_MAGIC:
        remedy = "Save pictures and labels together: numpy.savez(file, x=pictures, y=labels)."
        raise InputRefused.of("NPZ_KEYS", path.name, "is one array without labels.", remedy)
    refuse_foreign(path)
    found = sketch_file(path)
    rows = [
        (name, s.count, s.missing, s.mean, s.std, s.low, s.quantile(0.5), s.high)
        for name, s in found.items()
        if isinstance(s, Numbers)
    ]
    columns = ("column", "values", "missing", "mean", "std", "low", "median", "high")
    yield Section("Numbers", columns, _rounded(rows))
    words = [
        (n, s.count, s.missing, "too many" if s.too_many else len(s.counts))
        for n, s in found.items()
        if not isinstance(s, Numbers)
    ]
    if words:
        yield Section("Words", ("column", "values", "missing", "different"), tuple(words))
    if others := tuple(unsketched(path).items()):
        yield Section("Columns that are neither numbers nor words", ("column", "holds"), others)
    if against is not None:
        before = sketch_file(against)
        yield _of_shifts(drift(before, found))
        if others := tuple(uncompared(before, found)):
            yield Section("Columns that could not be compared", ("column", "why"), others)


def is_table(path: Path) -> bool:
    """Whether a file is a table of columns and not a set of pictures."""
    from qa_assets.datasets.source import FALLBACK, detect
    from qa_assets.datasets.trees import is_archive

    try:
        return path.is_file() and detect(path) == FALLBACK and not is_archive(path)
    except QaError:
        return False


def _overview(taken: DatasetSnapshot, kind: str) -> Section:
    from qa_assets.core.records.datasets import PARTS
    from qa_assets.core.tables import read_table

    sides = Counter(read_table(taken, PARTS)["part"])
    named = ", ".join(f"{side or 'none'} {n}" for side, n in sorted(sides.items()))
    told = [("sides it names itself", f"{named}: splits: {{by: source}} keeps them")]
    rows = (
        ("format", kind),
        ("samples", taken.samples),
        ("classes", len(taken.classes)),
        ("set aside", len(taken.quarantined)),
        ("odd but used", sum(taken.remark_counts.values())),
        *(told if set(sides) - {""} else []),
        ("version", taken.version[:12]),
    )
    return Section("What it is", ("what", "found"), rows)


def _findings(taken: DatasetSnapshot) -> Iterator[Section]:
    from qa_assets.core.records.datasets import SAMPLES
    from qa_assets.core.tables import read_table

    counts = Counter(read_table(taken, SAMPLES)["label"].tolist())
    rows = tuple((c, n, f"{n / taken.samples:.1%}") for c, n in counts.most_common(SHOWN))
    ratio = max(counts.values()) / min(counts.values())
    uneven = f": the largest has {ratio:.1f} times the smallest" if ratio > UNEVEN else ""
    yield Section(f"Classes{uneven}", ("class", "samples", "share"), rows)
    times = Counter(q.code for q in taken.quarantined)
    aside = [(q.code, times[q.code], q.item, q.message, q.remedy) for q in taken.quarantined]
    if aside:
        columns = ("code", "times", "item", "reason", "remedy")
        yield Section("Set aside", columns, tuple(_of_each_kind(aside)))
    odd = [(r.code, taken.remark_counts[r.code], r.item, r.message) for r in taken.remarks]
    if odd:
        columns = ("code", "times", "item", "rule")
        yield Section("Odd but used", columns, tuple(_of_each_kind(odd)))


def _of_each_kind(rows: Sequence[Row]) -> Iterator[Row]:
    """The first rows of each code, so that none hides another."""
    told: Counter[object] = Counter()
    for row in rows:
        told[row[0]] += 1
        if told[row[0]] <= SHOWN_OF_A_KIND:
            yield row


def _of_quality(found: SampleQuality) -> Iterator[Section]:
    yield Section("Mean of each measure", ("measure", "mean"), _rounded(found.means.items()))
    alike = tuple(
        (len(g.ids), ", ".join(sorted(set(g.labels))), ", ".join(g.names[:3]))
        for g in found.groups[:SHOWN]
    )
    if alike:
        title = f"{found.alike} samples in {found.group_count} groups look the same"
        yield Section(title, ("samples", "labels", "names"), alike)
    odd = [(o.name, o.label, o.measure, o.value, o.typical) for o in found.oddest[:SHOWN]]
    if odd:
        columns = ("name", "class", "measure", "value", "typical")
        yield Section("Unlike their class", columns, _rounded(odd))


def _largest(taken: DatasetSnapshot) -> float:
    """Share of the samples that are of the largest class."""
    from qa_assets.core.records.datasets import SAMPLES
    from qa_assets.core.tables import read_table

    return max(Counter(read_table(taken, SAMPLES)["label"]).values()) / taken.samples


def _of_labels(audit: LabelAudit, largest: float) -> Iterator[Section]:
    rows = [(s.name, s.label, s.suggested, s.score) for s in audit.suspects[:SHOWN]]
    title = f"Most suspicious of {audit.samples} labels (a model agrees with {audit.agreement:.1%})"
    if audit.small:
        title += f", those of {', '.join(audit.small[:SHOWN])} are too few to be looked at"
    if audit.agreement - largest < GAINED * (1 - largest):
        title += (
            f": it hardly knows more than that {largest:.1%} are of one class, so trust it little"
        )
    yield Section(title, ("name", "label", "rather", "score"), _rounded(rows))


def _of_shifts(shifts: Sequence[Shift]) -> Section:
    rows = [(s.column, s.effect, s.low, s.high, s.before, s.after) for s in shifts]
    columns = ("column", "shift", "at least", "at most", "before", "now")
    moved = sum(s.low > 0 for s in shifts)
    return Section(f"{moved} of {len(shifts)} columns moved", columns, _rounded(rows))


def _rounded(rows: "Sequence[Row] | object") -> tuple[Row, ...]:
    given: Sequence[Row] = list(rows)  # pyright: ignore[reportArgumentType]
    return tuple(tuple(f"{c:.4g}" if isinstance(c, float) else c for c in row) for row in given)
