"""The detection matrix as a picture, as Markdown and as JSON: what escaped comes first."""

from collections.abc import Sequence
from html import escape
from typing import Any

from pydantic import TypeAdapter

from qa_assets.core.records.faults import CleanRun, FaultRun, GateSelftest

STOPPED, NAMED, ALSO, ESCAPED, INK = "#3b82f6", "#1d4ed8", "#93c5fd", "#ef4444", "#7a8699"
CELL, LEFT, RISE = 12, 250, 5.6
"""Pixels: a cell, the names of faults, what each character of a gate's slanted title rises."""


def data(record: GateSelftest) -> dict[str, Any]:
    """Every run with all it says, and the rates."""
    return {
        "rates": {k: v for k, v in record.metadata().items() if isinstance(v, float | int)},
        "faults": TypeAdapter(tuple[FaultRun, ...]).dump_python(record.runs, mode="json"),
        "clean": TypeAdapter(tuple[CleanRun, ...]).dump_python(record.clean, mode="json"),
        "gates that never fired": list(record.dead),
    }


def text(record: GateSelftest) -> str:
    """For people and the README: the rates, then a row a fault and dose."""
    rows = [
        f"| {r.fault} | {r.dose} ({r.amount:g}) | {r.stage} | {r.ending} | {r.diagnosis} "
        f"| {r.cause} | {_named(r)} | {'yes' if r.plain_gate else 'no'} | {r.seconds:.1f} |"
        for r in record.runs
    ]
    columns = "fault | dose | stage | ending | diagnosis | cause | named | accuracy alone | seconds"
    dead = "".join(f"- {g}\n" for g in record.dead) or "- none\n"
    return (
        f"{summary(record)}\n\n| {columns} |\n|{' --- |' * 9}\n"
        + "\n".join(rows)
        + f"\n\nGates that never fired:\n\n{dead}"
    )


def summary(record: GateSelftest) -> str:
    """The rates in a few lines."""
    blocked = sum(bool(c.alarms) for c in record.clean)
    lines = [
        f"stopped, {dose} dose: {record.detection(dose)}; accuracy alone: {record.plain(dose)}; "
        + ", ".join(f"{n} {ending}" for ending, n in record.endings(dose).items() if n)
        for dose in ("clear", "mild")
    ]
    lines.append(f"named right, of those stopped: {record.named}")
    if record.clean:
        lines.append(f"false alarms, of {record.false_alarms.n} verdicts: {record.false_alarms}")
        lines.append(f"clean runs that were blocked: {blocked} of {len(record.clean)}")
    return "\n".join(f"- {line}" for line in lines)


def picture(record: GateSelftest, gates: Sequence[str]) -> bytes:
    """Faults by gates: dark the gate taken for the diagnosis, darkest where it is right."""
    shown = [g for g in gates if g not in record.dead]
    top = round(RISE * max(map(len, shown), default=0)) + 10
    rows = [
        f'<text transform="translate({LEFT + CELL * (j + 1) - 2},{top - 5}) rotate(-65)">'
        f"{escape(gate)}</text>"
        for j, gate in enumerate(shown)
    ]
    cells: dict[str, list[str]] = {}
    for i, run in enumerate(record.runs):
        y = top + CELL * i
        fill = "" if run.stopped or not run.counts else f' fill="{ESCAPED}"'
        rows.append(
            f'<text x="{LEFT - 6}" y="{y + 9}"{fill} class="r">{escape(_label(run))}</text>'
        )
        for alarm in run.alarms:
            if alarm.gate in shown:
                x = LEFT + CELL * shown.index(alarm.gate)
                cells.setdefault(_colour(run, alarm.gate), []).append(f"M{x} {y}h11v11h-11z")
        if not {a.gate for a in run.alarms} & set(shown):
            said = f"{run.ending}: {run.first}" if run.first else run.ending
            rows.append(f'<text x="{LEFT + 4}" y="{y + 9}"{fill}>{escape(said)}</text>')
    rows += [f'<path fill="{colour}" d="{"".join(d)}"/>' for colour, d in cells.items()]
    rows.append("<style>.r{text-anchor:end}</style>")
    width, height = LEFT + CELL * len(shown) + 150, top + CELL * len(record.runs) + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
    font = f' height="{height}" font-family="system-ui,sans-serif" font-size="10" fill="{INK}">'
    return (head + font + "".join(rows) + "</svg>").encode()


def _named(run: FaultRun) -> str:
    return ("yes" if run.named else "no") if run.stopped else ""


def _label(run: FaultRun) -> str:
    return run.fault if run.dose == "clear" else f"{run.fault} ({run.dose})"


def _colour(run: FaultRun, gate: str) -> str:
    if gate != (run.diagnosis or run.first):
        return ALSO
    return NAMED if run.named else STOPPED
