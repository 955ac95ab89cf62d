"""Did a person agree: what the gates ask for was not loosened in passing."""

import json
from collections.abc import Iterator, Mapping

from qa_assets.core.check import check
from qa_assets.core.records.release import GateSettings
from qa_assets.core.verdict import Evidence, Verdict, none_of

REMOVED = "removed"
Change = tuple[str, str, str]
"""``gate.threshold`` (``gate`` alone where it went), its value before, its value now."""


@check
def thresholds_reviewed(
    gate_settings: GateSettings, *, accepted: Mapping[str, str | float | bool] | None = None
) -> Verdict:
    """No gate asks for less than at the release before, unless a person accepted it.

    Args:
        gate_settings: Thresholds now and then; ``max_`` may fall and ``min_`` may rise freely, any
            other one, a gate that went or became a monitor, and a suite that changed are reviewed.
        accepted: The value that was reviewed by ``gate.threshold``, such as
            ``accuracy_sufficient.min_accuracy: 0.85``; ``removed`` by ``gate`` for one that went;
            a suite by its name and digest, as the verdict shows it. Another value is another
            review, and a line can go once a release was made after it under stricter gates.

    Returns:
        Measured: changes that nobody accepted. Evidence: each of them.
    """
    changes = list(_looser(gate_settings.released, gate_settings.gates))
    agreed = {name: _text(value) for name, value in (accepted or {}).items()}
    open_ = [c for c in changes if agreed.get(c[0]) not in (c[2], json.dumps(c[2]))]
    columns = ("gate", "at the release before", "now", "accepted")
    rows = tuple((*change, change not in open_) for change in changes)
    return none_of(
        [f"{name}: {before} became {now}" for name, before, now in open_],
        "thresholds were loosened since the release before, and accepted by nobody",
        cause="release.threshold_loosened",
        where={"gate": ", ".join(name for name, _, _ in open_)},
        evidence={"loosened": Evidence(columns, rows)} if rows else {},
    )


def _looser(
    before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]]
) -> Iterator[Change]:
    for gate, thresholds in before.items():
        if gate not in now:
            yield gate, "a gate", REMOVED
            continue
        for name, was in thresholds.items():
            value = now[gate].get(name, was)
            if value != was and not _stricter(name, was, value):
                yield f"{gate}.{name}", was, value


def _stricter(name: str, before: str, now: str) -> bool:
    try:
        was, value = float(before), float(now)
    except ValueError:
        return False
    return (name.startswith("max_") and value < was) or (name.startswith("min_") and value > was)


def _text(value: str | float | bool) -> str:
    return json.dumps(value)
