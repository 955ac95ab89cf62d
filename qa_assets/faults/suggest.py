"""Thresholds that the dose-response of planted faults suggests; a person decides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from qa_assets.core.records.faults import GateSelftest, Measured


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A threshold between what clean runs show and what escaped faults show.

    Attributes:
        gate: The gate.
        limit: Today's threshold.
        suggested: Halfway between ``clean`` and the nearest escaped fault.
        clean: The worst value of a clean run.
        caught: Faults that escape today and would not.
    """

    gate: str
    limit: float
    suggested: float
    clean: float
    caught: tuple[str, ...]


def suggest(record: GateSelftest) -> Iterator[Suggestion]:
    """Tighter thresholds that no clean run would have crossed and an escaped fault would."""
    clean: dict[str, list[Measured]] = {}
    for run in record.clean:
        for gate, measured in run.measured.items():
            clean.setdefault(gate, []).append(measured)
    for gate, values in clean.items():
        found = _for_gate(gate, values, _escaped(record, gate))
        if found:
            yield found


def _escaped(record: GateSelftest, gate: str) -> Mapping[str, float]:
    return {
        f"{r.fault} ({r.dose})": r.measured[gate].value
        for r in record.runs
        if r.counts and not r.stopped and gate in r.measured
    }


def _for_gate(gate: str, clean: list[Measured], escaped: Mapping[str, float]) -> Suggestion | None:
    limit = clean[0].limit
    if not all(m.passed for m in clean) or all(m.value == limit for m in clean):
        return None
    sign = 1.0 if all(m.value <= limit for m in clean) else -1.0  # at most, else at least
    worst = max(sign * m.value for m in clean)
    beyond = {name: sign * v for name, v in escaped.items() if worst < sign * v <= sign * limit}
    if not beyond:
        return None
    suggested = (worst + min(beyond.values())) / 2
    return Suggestion(gate, limit, sign * suggested, sign * worst, tuple(sorted(beyond)))
