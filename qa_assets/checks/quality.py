"""Are the samples any good: few look the same or are blank, and labels agree."""

from dataclasses import replace
from typing import Any

from qa_assets.core.check import check
from qa_assets.core.config import Share
from qa_assets.core.intervals import share
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import QUALITY, SUSPECTS, LabelAudit, SampleQuality
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell

SHOWN, NAMED = 50, 5


@check
def few_look_the_same(sample_quality: SampleQuality, *, max_share: Share = 0.05) -> Verdict:
    """Few samples look like another one.

    Args:
        sample_quality: Groups of samples that look the same.
        max_share: Largest share of samples that could be dropped, one of each group kept.

    Returns:
        Measured: that share. Evidence: the groups.
    """
    if not sample_quality.samples:
        return cannot_tell("no sample was measured")
    extra = sample_quality.alike - sample_quality.group_count
    rows = tuple((len(g.ids), ", ".join(g.names)) for g in sample_quality.groups[:SHOWN])
    return at_most(
        extra / sample_quality.samples,
        max_share,
        f"the share of samples that look like another one ({extra})",
        cause="data.near_duplicates",
        samples=tuple(i for g in sample_quality.groups for i in g.ids)[:SHOWN],
        evidence={"groups": Evidence(("samples", "names"), rows)},
    )


@check
def alike_samples_agree(sample_quality: SampleQuality) -> Verdict:
    """Samples that look the same have the same label.

    Args:
        sample_quality: Groups of samples that look the same, with their labels.

    Returns:
        Measured: groups with more than one label. Evidence: the first of them.
    """
    split = [g for g in sample_quality.groups if len(set(g.labels)) > 1]
    rows = tuple((", ".join(sorted(set(g.labels))), ", ".join(g.names)) for g in split[:SHOWN])
    named = "; ".join(" and ".join(g.names[:2]) for g in split[:NAMED])
    more = sample_quality.disagree - NAMED
    return at_most(
        sample_quality.disagree,
        0,
        "the number of groups of alike samples with more than one label"
        + (f" ({named}{f'; {more} more' if more > 0 else ''})" if named else ""),
        cause="data.labels_disagree",
        samples=tuple(i for g in split for i in g.ids)[:SHOWN],
        evidence={"groups": Evidence(("labels", "names"), rows)} if split else {},
    )


@check
def few_blank(
    sample_quality: SampleQuality, *, max_share: Share = 0.001, min_contrast: Share = 0.02
) -> Verdict:
    """Few samples are one flat colour, but for a little noise.

    Args:
        sample_quality: The contrast of each.
        max_share: Largest share of blank samples, in [0, 1].
        min_contrast: Standard deviation of pixels in [0, 1] below which a sample is blank.

    Returns:
        Measured: that share. Evidence: the flattest, which are looked at first.
    """
    if not sample_quality.samples:
        return cannot_tell("no sample was measured")
    table: Any = read_table(sample_quality, QUALITY)[["id", "label", "contrast"]]
    flat = table[table["contrast"] < min_contrast].sort_values("contrast")
    return at_most(
        len(flat) / sample_quality.samples,
        max_share,
        f"the share of blank samples ({len(flat)})",
        cause="data.blank_samples",
        samples=tuple(flat["id"].head(SHOWN)),
        evidence={"flattest": Evidence(tuple(flat), _rows(flat))},
    )


@check
def few_copies(dataset_snapshot: DatasetSnapshot, *, max_share: Share = 0.05) -> Verdict:
    """Few files are exact copies of another one.

    Copies are merged, so none is trained on twice or is on two sides of a split; but who copied
    files may have meant to change them.

    Args:
        dataset_snapshot: How often each content was found.
        max_share: Largest share of the files that are one copy too many.

    Returns:
        Measured: that share. Evidence: what was found more than once, most often first.
    """
    table: Any = read_table(dataset_snapshot, SAMPLES)[["id", "name", "label", "copies"]]
    files = int(table["copies"].sum())
    if not files:
        return cannot_tell("the snapshot has no samples at all")
    twice = table[table["copies"] > 1].sort_values(["copies", "name"], ascending=[False, True])
    extra = int((twice["copies"] - 1).sum())
    rows = _rows(twice[["name", "label", "copies"]])
    return at_most(
        extra / files,
        max_share,
        f"the share of files that are a copy of another one ({extra} of {files})",
        cause="data.copies",
        samples=tuple(twice["id"].head(SHOWN)),
        evidence={"copied": Evidence(("name", "label", "copies"), rows)},
    )


@check
def classes_kept_apart(label_audit: LabelAudit, *, max_share: Share = 0.05) -> Verdict:
    """No class has many labels that another one would explain better.

    Labels that are wrong at random are unlike any class; where two classes are mixed up, a model
    learns the mixture, is sure of no single label, and only their number tells.

    Args:
        label_audit: For each sample the label that a model without it would rather give.
        max_share: Share of a class that one other class may have at most, surely: by the lower end
            of its interval. Raise it where two classes look alike.

    Returns:
        Measured: the largest such share. Evidence: each pair of classes.
    """
    table: Any = read_table(label_audit, SUSPECTS)
    if table.empty:
        return cannot_tell("no label was looked at")
    sizes = table["label"].value_counts()
    rather = table[table["score"] < 0]
    counts = rather.groupby(["label", "suggested"], observed=True).size()
    pairs = sorted(
        ((share(int(n), int(sizes[pair[0]])), *map(str, pair)) for pair, n in counts.items()),
        key=lambda pair: (-pair[0].low, *pair[1:]),
    )
    if not pairs:
        return Verdict(outcome="pass", summary="every label is the first choice", measured=0.0)
    worst, one, other = pairs[0]
    mixed = rather[rather["label"].isin([one, other]) & rather["suggested"].isin([one, other])]
    rows = tuple((a, b, s.value, s.low, s.n) for s, a, b in pairs[:SHOWN])
    columns = ("label", "rather", "share", "at least", "samples")
    verdict = at_most(
        worst.low,
        max_share,
        f"the share of class {one!r} that looks like {other!r}, at least,",
        cause="data.labels_confused",
        where={"class": f"{one}, {other}"},
        samples=tuple(mixed["id"].head(SHOWN)),
        evidence={"pairs": Evidence(columns, rows)},
    )
    return replace(verdict, interval=(worst.low, worst.high))


@check
def few_suspicious_labels(label_audit: LabelAudit, *, max_share: Share = 0.02) -> Verdict:
    """Few labels are ones that a model without them would hardly give.

    Args:
        label_audit: The ranking; a score is in [-1, 1], below -0.5 another label is far likelier.
        max_share: Largest share of labels with such a score.

    Returns:
        Measured: that share. Evidence: the most suspicious, for a person to look at. It is a
        reason to look, not a count of errors.
    """
    if not label_audit.samples:
        return cannot_tell("no label was looked at")
    ranked: Any = read_table(label_audit, SUSPECTS)
    sure = ranked[ranked["score"] < SURE]
    rows = tuple((s.name, s.label, s.suggested, s.score) for s in label_audit.suspects[:SHOWN])
    return at_most(
        len(sure) / label_audit.samples,
        max_share,
        f"the share of labels that look wrong ({len(sure)} of {label_audit.samples})",
        cause="data.label_noise",
        samples=tuple(sure["id"].head(SHOWN)),
        evidence={"suspects": Evidence(("name", "label", "rather", "score"), rows)},
    )


SURE = -0.5
"""Score below which a label counts as suspicious."""


def _rows(table: Any) -> tuple[tuple[Any, ...], ...]:
    """The first rows of a data frame."""
    return tuple(table.head(SHOWN).itertuples(index=False, name=None))
