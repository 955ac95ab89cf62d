"""Checks of a candidate against what is released: better on average is not enough."""

from qa_assets.core.check import check
from qa_assets.core.config import Share
from qa_assets.core.records.comparison import FLIPS, ReleaseComparison
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell, none_of


@check
def not_worse_than_released(
    release_comparison: ReleaseComparison, *, max_loss: Share = 0.02, max_sure_loss: Share = 0.0
) -> Verdict:
    """The candidate is not less accurate than the release, on the same samples, beyond doubt.

    It fails when it surely lost something or lost more than allowed, and cannot tell when the
    samples are too few to exclude such a loss.

    Args:
        release_comparison: The paired difference in accuracy, and its interval.
        max_loss: Largest loss of accuracy that is accepted, in [0, 1].
        max_sure_loss: Largest loss that may be there for sure, by the favourable end of the
            interval: what another seed of the same training loses.
    """
    if release_comparison.change is None:
        return _no_release(release_comparison)
    change = release_comparison.change
    numbers = f"{change.value:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
    rows = (
        ("accuracy of the release", str(release_comparison.before)),
        ("accuracy now", str(release_comparison.now)),
        ("right before, wrong now", release_comparison.negative_flips),
        ("wrong before, right now", release_comparison.positive_flips),
        ("McNemar's p", release_comparison.p_value),
    )
    evidence = {"against the release": Evidence(("what", "value"), rows)}
    worse = change.high < -max_sure_loss or change.value < -max_loss
    if not worse and change.low < -max_loss:
        said = f"the change in accuracy is {numbers}: a loss above {max_loss:g} cannot be excluded"
        return cannot_tell(said, evidence=evidence)
    return Verdict(
        outcome="fail" if worse else "pass",
        summary=f"the change in accuracy is {numbers}, a loss of at most {max_loss:g} is right",
        measured=change.value,
        limit=-max_loss,
        interval=(change.low, change.high),
        cause="evaluation.worse_than_released" if worse else "",
        evidence=evidence,
    )


@check
def negative_flips_few(
    release_comparison: ReleaseComparison, *, max_share: Share = 0.02
) -> Verdict:
    """Few samples that the release answered right are answered wrong now.

    Args:
        release_comparison: The samples, the most confident mistakes first.
        max_share: Largest share of all test samples.

    Source: Yan et al. (2021), Positive-congruent training: users notice what stopped working.
    """
    if release_comparison.change is None:
        return _no_release(release_comparison)
    flips = read_table(release_comparison, FLIPS)
    ids = tuple(str(i) for i in flips["id"].head(50))
    columns = ("id", "label", "before", "now", "confidence")
    shown = flips.head(20)
    rows = tuple(
        (str(i)[:12], str(label), str(before), str(now), float(sure))
        for i, label, before, now, sure in shown.itertuples(index=False)
    )
    verdict = at_most(
        release_comparison.negative_flips / max(release_comparison.change.n, 1),
        max_share,
        "the share of samples that the release knew and the candidate does not",
        cause="evaluation.negative_flips",
        samples=ids,
        evidence={"negative flips": Evidence(columns, rows)},
    )
    return verdict if ids or verdict.passed else cannot_tell("the samples that flipped are missing")


@check
def slices_not_worse_than_released(
    release_comparison: ReleaseComparison, *, max_loss: Share = 0.0
) -> Verdict:
    """No class and no group surely lost accuracy against the release.

    Args:
        release_comparison: Each slice with an interval that is corrected for their number.
        max_loss: Loss of a slice that is accepted, in [0, 1].
    """
    if release_comparison.change is None:
        return _no_release(release_comparison)
    slices = release_comparison.slices
    if not slices:
        return cannot_tell("no slice has enough samples")
    lost = [s for s in slices if s.change.high < -max_loss]
    rows = tuple(
        (s.name, s.change.n, s.before, s.now, s.change.low, s.change.high)
        for s in sorted(slices, key=lambda s: s.change.value)[:20]
    )
    columns = ("slice", "samples", "before", "now", "low", "high")
    evidence = {"slices": Evidence(columns, rows)}
    if not lost:
        worst = min(slices, key=lambda s: s.change.value)
        said = f"no slice of {len(slices)} surely lost accuracy; largest change {worst.name}"
        return Verdict(
            outcome="pass", summary=f"{said} {worst.change.value:+.3f}", evidence=evidence
        )
    where = {"slice": ", ".join(s.name for s in lost)}
    return none_of(
        [s.name for s in lost],
        "slices that lost accuracy",
        cause="evaluation.slice_regression",
        where=where,
        evidence=evidence,
    )


def _no_release(found: ReleaseComparison) -> Verdict:
    if found.unreadable:
        return cannot_tell(f"the baseline is missing: {found.unreadable}")
    if found.version or found.first_release != "absolute":
        return cannot_tell(
            "there is no release to compare with; 'first_release: absolute' in defs.yaml "
            "would let the absolute gates decide the first one"
        )
    return Verdict(
        outcome="pass",
        summary="no earlier release to compare with: as declared, the absolute gates decide",
    )
