"""The detection matrix as a picture, as Markdown and as JSON: what escaped comes first."""

from collections.abc import Sequence
from html import escape
from typing import Any

from pydantic import TypeAdapter

from qa_assets.core.records_faults import CleanRun, FaultRun, GateSelftest

STOPPED, NAMED, ALSO, ESCAPED, INK = "#3b82f6", "#1d4ed8", "#93c5fd", "#ef4444", "#7a8699"
CELL, LEFT, TOP = 12, 250, 190


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
        f"| {r.fault} | {r.dose} ({r.amount:g}) | {r.stage} | {r.ending} | {r.first} "
        f"| {'yes' if r.named else 'no'} | {'yes' if r.plain_gate else 'no'} | {r.seconds:.1f} |"
        for r in record.runs
    ]
    columns = "fault | dose | stage | stopped by | first | named | accuracy alone | seconds"
    dead = "".join(f"- {g}\n" for g in record.dead) or "- none\n"
    return (
        f"{summary(record)}\n\n| {columns} |\n|{' --- |' * 8}\n"
        + "\n".join(rows)
        + f"\n\nGates that never fired:\n\n{dead}"
    )


def summary(record: GateSelftest) -> str:
    """The rates in a few lines."""
    blocked = sum(bool(c.alarms) for c in record.clean)
    lines = [
        f"stopped, {dose} dose: {record.detection(dose)}; accuracy alone: {record.plain(dose)}"
        for dose in ("clear", "mild")
    ]
    lines.append(f"named right, of those stopped: {record.named}")
    if record.clean:
        lines.append(f"false alarms, of {record.false_alarms.n} verdicts: {record.false_alarms}")
        lines.append(f"clean runs that were blocked: {blocked} of {len(record.clean)}")
    return "\n".join(f"- {line}" for line in lines)


def picture(record: GateSelftest, gates: Sequence[str]) -> bytes:
    """Faults by gates: dark where a gate stopped the run first, red rows escaped."""
    shown = [g for g in gates if g not in record.dead]
    rows: list[str] = []
    for j, gate in enumerate(shown):
        x = LEFT + CELL * j + CELL - 2
        rows.append(
            f'<text transform="translate({x},{TOP - 5}) rotate(-65)">{escape(gate[-44:])}</text>'
        )
    for i, run in enumerate(record.runs):
        y = TOP + CELL * i
        colour = INK if run.stopped else ESCAPED
        label = f"{run.fault} ({run.dose})"
        rows.append(
            f'<text x="{LEFT - 6}" y="{y + 9}" text-anchor="end" fill="{colour}">'
            f"{escape(label)}</text>"
        )
        rows += [
            f'<rect x="{LEFT + CELL * j}" y="{y}" width="{CELL - 1}" height="{CELL - 1}"'
            f' fill="{_colour(run, gate)}"/>'
            for j, gate in enumerate(shown)
            if any(a.gate == gate for a in run.alarms)
        ]
        if not run.alarms:
            said = "escaped" if run.ending == "escaped" else f"{run.ending} {run.first}"
            rows.append(f'<text x="{LEFT + 4}" y="{y + 9}" fill="{colour}">{escape(said)}</text>')
    width, height = LEFT + CELL * len(shown) + 150, TOP + CELL * len(record.runs) + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
    font = f' height="{height}" font-family="system-ui,sans-serif" font-size="10" fill="{INK}">'
    return (head + font + "".join(rows) + "</svg>").encode()


def _colour(run: FaultRun, gate: str) -> str:
    if gate != run.first:
        return ALSO
    return NAMED if run.named else STOPPED
