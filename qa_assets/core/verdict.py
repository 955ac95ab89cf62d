"""The answer of one check: pass, fail or cannot tell, with its cause and its evidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Estimate, Markdown, Metadata, Record, table

Outcome = Literal["pass", "fail", "cannot tell"]
NOT_REACHED = "gate.not_reached"
"""Cause of a verdict that nobody could give yet: a gate before it is shut."""
Cell = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A small table that a person can look at.

    Attributes:
        columns: Their names.
        rows: One tuple a row, as long as ``columns``.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """What a check says of an artifact; only ``pass`` opens a gate.

    Attributes:
        outcome: Pass, fail, or cannot tell (no baseline, too few samples, evidence missing).
        summary: One sentence: what was seen against what is right; or what is missing.
        measured: The number that was judged.
        limit: The threshold it was judged by.
        interval: Confidence interval of ``measured``.
        cause: Stable code of the fault that was recognised, such as ``data.class_missing``.
        where: Where the fault sits: class, layer, stage, target.
        samples: Ids of the samples concerned, the worst first.
        evidence: Tables by title.
    """

    outcome: Outcome
    summary: str
    measured: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None
    cause: str = ""
    where: Mapping[str, str] = field(default_factory=dict[str, str])
    samples: tuple[str, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict[str, Evidence])

    @property
    def passed(self) -> bool:
        """Whether a gate with this verdict opens."""
        return self.outcome == "pass"

    def metadata(self) -> Metadata:
        """Numbers as numbers, so that they are plotted over time; tables as tables."""
        shown: dict[str, str | int | float | bool | Markdown] = {
            "outcome": self.outcome,
            "summary": self.summary,
        }
        for name in ("measured", "limit"):
            value = getattr(self, name)
            if value is not None:
                shown[name] = value
        if self.interval:
            shown["interval"] = f"[{self.interval[0]:.4g}, {self.interval[1]:.4g}]"
        if self.cause:
            shown["cause"] = self.cause
            shown |= {f"where: {k}": v for k, v in self.where.items()}
        if self.samples:
            shown["samples"] = Markdown(", ".join(f"`{s[:12]}`" for s in self.samples[:50]))
        shown |= {t: table(e.columns, list(e.rows)) for t, e in self.evidence.items()}
        return shown


def cannot_tell(
    missing: str, **more: "Mapping[str, Evidence] | Mapping[str, str] | str"
) -> Verdict:
    """No judgement: ``missing`` says what it would take."""
    return Verdict(outcome="cannot tell", summary=missing, **more)  # pyright: ignore[reportArgumentType]


def at_most(measured: float, limit: float, what: str, *, cause: str, **more: object) -> Verdict:
    """Pass when ``measured <= limit``; what is not a number cannot be judged."""
    return _compare(measured, limit, "at most", measured <= limit, what, cause, more)


def at_least(measured: float, limit: float, what: str, *, cause: str, **more: object) -> Verdict:
    """Pass when ``measured >= limit``; what is not a number cannot be judged."""
    return _compare(measured, limit, "at least", measured >= limit, what, cause, more)


def surely_at_least(
    estimate: Estimate, limit: float, what: str, *, cause: str, **more: object
) -> Verdict:
    """Pass when even the lower end of the interval reaches the limit."""
    if math.isnan(estimate.value):  # no sample: the interval is everything, and says nothing
        return cannot_tell(f"{what} is not a number (n = {estimate.n})")
    verdict = at_least(estimate.low, limit, f"the lower end of {what}", cause=cause, **more)
    if verdict.outcome == "cannot tell":
        return verdict
    return _with(verdict, measured=estimate.value, interval=(estimate.low, estimate.high))


def none_of(found: Sequence[str], what: str, *, cause: str, **more: object) -> Verdict:
    """Pass when nothing was found; otherwise the findings are named."""
    named = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    if not found:
        passed = Verdict(outcome="pass", summary=f"no {what}", measured=0.0, limit=0.0)
        return _with(passed, **{k: v for k, v in more.items() if k not in ("where", "samples")})
    return _with(
        Verdict(
            outcome="fail",
            summary=f"{len(found)} {what}: {named}",
            measured=float(len(found)),
            limit=0.0,
            cause=cause,
        ),
        **more,
    )


def _compare(
    measured: float,
    limit: float,
    relation: str,
    holds: bool,
    what: str,
    cause: str,
    more: Mapping[str, object],
) -> Verdict:
    if math.isnan(measured):
        return cannot_tell(f"{what} is not a number")
    verdict = Verdict(
        outcome="pass" if holds else "fail",
        summary=f"{what} is {measured:.4g}, {relation} {limit:.4g} is right",
        measured=float(measured),
        limit=float(limit),
        cause="" if holds else cause,
    )
    if holds:  # a passed gate names no cause and no culprits, its evidence stays
        more = {k: v for k, v in more.items() if k not in ("where", "samples")}
    return _with(verdict, **more)


def _with(verdict: Verdict, **changes: object) -> Verdict:
    from dataclasses import replace

    return replace(verdict, **changes)  # pyright: ignore[reportArgumentType]
