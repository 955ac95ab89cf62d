"""Are the samples any good: few look the same or are blank, and labels agree."""

from qa_assets.core.check import check
from qa_assets.core.config import Share
from qa_assets.core.records.quality import LabelAudit, SampleQuality
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell, none_of

SHOWN = 50


@check
def few_look_the_same(sample_quality: SampleQuality, *, max_share: Share = 0.05) -> Verdict:
    """Few samples look like another one.

    Args:
        sample_quality: Groups of samples that look the same.
        max_share: Largest share of samples that could be dropped, one of each group kept.

    Returns:
        Measured: that share. Evidence: the groups, the largest first.
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
        Measured: groups with more than one label. Evidence: each of them.
    """
    split = [g for g in sample_quality.groups if len(set(g.labels)) > 1]
    rows = tuple((", ".join(sorted(set(g.labels))), ", ".join(g.names)) for g in split[:SHOWN])
    return none_of(
        [" and ".join(g.names[:2]) for g in split],
        "groups of alike samples have more than one label",
        cause="data.labels_disagree",
        samples=tuple(i for g in split for i in g.ids)[:SHOWN],
        evidence={"groups": Evidence(("labels", "names"), rows)} if split else {},
    )


@check
def few_blank(sample_quality: SampleQuality, *, max_share: Share = 0.001) -> Verdict:
    """Few samples are one flat colour.

    Args:
        sample_quality: Counts.
        max_share: Largest share of them, in [0, 1].

    Returns:
        Measured: that share.
    """
    if not sample_quality.samples:
        return cannot_tell("no sample was measured")
    share = sample_quality.blank / sample_quality.samples
    what = f"the share of blank samples ({sample_quality.blank})"
    return at_most(share, max_share, what, cause="data.blank_samples")


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
    sure = [s for s in label_audit.suspects if s.score < SURE]
    rows = tuple((s.name, s.label, s.suggested, s.score) for s in label_audit.suspects[:SHOWN])
    return at_most(
        len(sure) / label_audit.samples,
        max_share,
        f"the share of labels that look wrong ({len(sure)} of {label_audit.samples})",
        cause="data.label_noise",
        samples=tuple(s.id for s in sure)[:SHOWN],
        evidence={"suspects": Evidence(("name", "label", "rather", "score"), rows)},
    )


SURE = -0.5
"""Score below which a label counts as suspicious."""
