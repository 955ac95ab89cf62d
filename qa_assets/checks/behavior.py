"""Checks of behaviour: minimum functionality, invariance, directional expectation, robustness."""

from collections import Counter

from qa_assets.core.check import check
from qa_assets.core.config import Share
from qa_assets.core.records.behavior import BehaviorReport, EdgeCase, EdgeCases, Expectation
from qa_assets.core.verdict import Evidence, Verdict, at_least, at_most, cannot_tell, none_of

SHIFTED = 0.6
"""Share of the cases that one and the same mix-up must explain before it is named."""
_TURNED = {
    "transposed": "preprocessing.images_transposed",
    "inverted": "preprocessing.images_inverted",
    "channels swapped": "preprocessing.channels_swapped",
}


@check
def critical_cases_right(edge_cases: EdgeCases) -> Verdict:
    """MFT: every critical hand-made case is answered, or refused, as it must be.

    A mix-up that explains most mistakes at once (labels moved by one, pictures transposed) is
    named: the whole training and test data may share it, the hand-made cases do not.
    """
    critical = [c for c in edge_cases.cases if c.critical and c.expected != "unsure"]
    if not critical:
        return cannot_tell("there is no critical hand-made case; behavior.edge_cases names them")
    wrong = [c for c in critical if not _held(c)]
    cause, where = _mixup(edge_cases)
    rows = tuple(
        (c.name, c.label or c.expected, c.answer or "refused", c.confidence, c.note) for c in wrong
    )
    columns = ("case", "expected", "answer", "confidence", "what it is")
    return none_of(
        [c.name for c in wrong],
        f"of {len(critical)} critical cases are wrong",
        cause=cause,
        where=where,
        evidence={"critical cases": Evidence(columns, rows)},
    )


@check
def ordinary_cases_right(edge_cases: EdgeCases, *, min_share: Share = 0.7) -> Verdict:
    """MFT: most hand-made cases that are not critical are answered as they should be.

    Args:
        edge_cases: The cases of a class that are not critical.
        min_share: Smallest share of them that is right.
    """
    cases = [c for c in edge_cases.cases if not c.critical and c.expected == "class"]
    if not cases:
        return cannot_tell("there is no such case")
    wrong = [c for c in cases if not _held(c)]
    right = 1 - len(wrong) / len(cases)
    rows = tuple((c.name, c.label, c.answer, c.confidence, c.note) for c in wrong)
    columns = ("case", "expected", "answer", "confidence", "what it is")
    return at_least(
        right,
        min_share,
        "the share of ordinary cases that are right",
        cause="behavior.cases_wrong",
        evidence={"wrong": Evidence(columns, rows)},
    )


@check
def unsure_where_it_should_be(
    edge_cases: EdgeCases, *, max_confidence: Share = 0.9, max_share: Share = 0.0
) -> Verdict:
    """MFT: where there is nothing to recognise, the model is not sure of anything.

    Args:
        edge_cases: Cases whose manifest says ``unsure``.
        max_confidence: Confidence above which an answer counts as sure.
        max_share: Largest share of those cases with a sure answer.
    """
    cases = [c for c in edge_cases.cases if c.expected == "unsure"]
    if not cases:
        return cannot_tell("no case says unsure")
    sure = sorted((c for c in cases if c.confidence > max_confidence), key=lambda c: -c.confidence)
    rows = tuple((c.name, c.answer, c.confidence, c.note) for c in sure)
    return at_most(
        len(sure) / len(cases),
        max_share,
        f"the share of {len(cases)} senseless cases with a sure answer",
        cause="behavior.overconfident",
        where={"case": ", ".join(c.name for c in sure[:5])},
        evidence={"sure": Evidence(("case", "answer", "confidence", "what it is"), rows)},
    )


@check
def invariances_hold(behavior_report: BehaviorReport, *, min_share: Share = 0.9) -> Verdict:
    """INV: changes that mean nothing do not change the answer.

    Args:
        behavior_report: Share of the samples whose answer stayed, by change.
        min_share: Smallest such share, at the lower end of its interval.

    Source: Ribeiro et al. (2020), Beyond accuracy: CheckList.
    """
    return _expected(behavior_report, "INV", min_share, "behavior.not_invariant")


@check
def directions_hold(behavior_report: BehaviorReport, *, min_share: Share = 0.7) -> Verdict:
    """DIR: what hides the object does not raise the confidence in the answer.

    Args:
        behavior_report: Share of the samples whose confidence did not rise, by change.
        min_share: Smallest such share, at the lower end of its interval.

    Source: Ribeiro et al. (2020), Beyond accuracy: CheckList.
    """
    return _expected(behavior_report, "DIR", min_share, "behavior.wrong_direction")


@check
def as_robust_as_released(behavior_report: BehaviorReport, *, max_loss: Share = 0.1) -> Verdict:
    """Under no corruption is the mean accuracy much lower than the release's.

    Args:
        behavior_report: Accuracy by corruption and severity, of both on the same pictures.
        max_loss: Largest loss of a corruption's mean accuracy, in [0, 1].
    """
    now, then = behavior_report.robustness, behavior_report.released
    common = [name for name in now if then.get(name)]
    if behavior_report.unreadable:
        return cannot_tell(f"the baseline is missing: {behavior_report.unreadable}")
    if not common:
        summary = "no earlier release was tried: nothing to compare with"
        return Verdict(outcome="pass", summary=summary)
    means = {n: (sum(then[n]) / len(then[n]), sum(now[n]) / len(now[n])) for n in common}
    worst = max(means, key=lambda n: means[n][0] - means[n][1])
    rows = tuple((n, *means[n]) for n in common)
    return at_most(
        means[worst][0] - means[worst][1],
        max_loss,
        f"the largest loss of robustness ({worst})",
        cause="behavior.less_robust",
        where={"corruption": worst},
        evidence={"robustness": Evidence(("corruption", "release", "now"), rows)},
    )


def _expected(report: BehaviorReport, kind: str, min_share: float, cause: str) -> Verdict:
    chosen = [e for e in report.expectations if e.kind == kind]
    if not chosen:
        return cannot_tell(f"no {kind} expectation is set under 'behavior:'")
    worst: Expectation = min(chosen, key=lambda e: e.held.low)
    rows = tuple((e.name, e.severity, e.held.value, e.held.low, e.held.n) for e in chosen)
    columns = ("change", "severity", "held", "low", "samples")
    return at_least(
        worst.held.low,
        min_share,
        f"the lower end of the share that keeps to {worst.name} {worst.severity}",
        cause=cause,
        where={"change": worst.name},
        samples=worst.broken,
        evidence={kind: Evidence(columns, rows)},
    )


def _held(case: EdgeCase) -> bool:
    if case.expected == "refused":
        return bool(case.refused)
    return not case.refused and case.answer == case.label


def _mixup(edge_cases: EdgeCases) -> tuple[str, dict[str, str]]:
    """The one mix-up that explains most of the cases, or none."""
    places = {label: i for i, label in enumerate(edge_cases.labels)}
    named = [c for c in edge_cases.cases if c.expected == "class" and c.critical and c.answer]
    steps = Counter((places[c.answer] - places[c.label]) % len(places) for c in named)
    step, times = steps.most_common(1)[0] if steps else (0, 0)
    if step and times / len(named) >= SHIFTED:
        return "data.labels_shifted", {"shift": str(step)}
    turned = edge_cases.turned
    best = max(turned, key=lambda n: turned[n], default="as they are")
    if best != "as they are" and turned[best] >= max(SHIFTED, 2 * turned["as they are"]):
        return _TURNED.get(best, "preprocessing.images_turned"), {"found": best}
    return "behavior.critical_case_wrong", {}
