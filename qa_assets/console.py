"""How the command line speaks: readable lines and tables, or one JSON object a line."""

import json
import sys
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from qa_assets.core import progress
from qa_assets.core.diagnosis import Finding, diagnose
from qa_assets.core.errors import Problem
from qa_assets.core.verdict import Verdict

if TYPE_CHECKING:
    from qa_assets.runs import Judged, State

PLAIN_WIDTH = 120
"""Columns of what is written to a file or a pipe."""
SHOWN_OF_A_KIND = 10
"""Problems of one code that a person is shown."""
COLOURS = {"pass": "green", "fail": "bold red", "cannot tell": "yellow", "not reached": "dim"}


class Voice:
    """Speaks to a person, or with ``--json`` to a program."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else PLAIN_WIDTH
        # text from data stays as it is: with emoji ":x:" would become a cross
        self.out = Console(highlight=False, width=width, emoji=False)
        self.err = Console(stderr=True, highlight=False, emoji=False)

    def say(self, text: str) -> None:
        """A line for a person."""
        if not self.as_json:
            self.out.print(_harmless(text), soft_wrap=True, markup=False)

    def give(self, value: dict[str, Any]) -> None:
        """An object for a program."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")

    def problem(self, problem: Problem) -> None:
        """One problem, in whichever form was asked for."""
        self.give(problem.as_json())
        if not self.as_json:
            mark = "warning" if problem.severity == "warning" else "error"
            self.err.print(f"[bold red]{mark}[/] {escape(_harmless(str(problem)))}", soft_wrap=True)

    def problems(self, problems: Iterable[Problem]) -> None:
        """All of them for a program; for a person the first of each kind, and how many more."""
        told: Counter[str] = Counter()
        for problem in problems:
            told[problem.code] += 1
            if self.as_json or told[problem.code] <= SHOWN_OF_A_KIND:
                self.problem(problem)
        for code, times in told.items():
            if times > SHOWN_OF_A_KIND and not self.as_json:
                self.err.print(f"and {times - SHOWN_OF_A_KIND} more {code}: --json gives them all")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table for a person; an object a row for a program."""
        for row in rows:
            self.give(dict(zip(columns, row, strict=True)))
        if not self.as_json:
            shown = Table(*columns, title=title, title_justify="left", title_style="bold")
            for row in rows:
                shown.add_row(*(escape(_harmless(str(cell))) for cell in row))
            self.out.print(shown)

    def verdicts(self, judged: "Sequence[Judged]") -> None:
        """The verdict table: gates first that did not pass."""
        for j in judged:
            self.give(_as_json(j))
        if self.as_json:
            return
        shown = Table("", "asset: check", "verdict", "measured", "limit", title="Verdicts",
                      title_justify="left", title_style="bold")  # fmt: skip
        for j in judged:
            outcome = j.verdict.outcome if j.verdict else "not reached"
            shown.add_row(
                "gate" if j.posted.blocking else "monitor",
                escape(j.posted.title),
                f"[{COLOURS[outcome]}]{outcome}[/]",
                _number(j.verdict and j.verdict.measured),
                _number(j.verdict and j.verdict.limit),
            )
        self.out.print(shown)
        for j in judged:
            if j.verdict and not j.verdict.passed:
                self._explain(j, j.verdict)

    def _explain(self, judged: "Judged", verdict: Verdict) -> None:
        colour = COLOURS[verdict.outcome]
        cause = f" ({verdict.cause})" if verdict.cause else ""
        text = f"{judged.posted.title}: {verdict.summary}{cause}"
        self.out.print(f"[{colour}]{verdict.outcome}[/] {escape(_harmless(text))}", soft_wrap=True)
        filled = [(title, e) for title, e in verdict.evidence.items() if e.rows]
        for title, evidence in filled[:2]:
            self.out.print(f"  {escape(_harmless(title))}: {', '.join(evidence.columns)}")
            for row in evidence.rows[:5]:
                cells = "  ".join(_harmless(_number(c)) for c in row)
                self.out.print(f"    {escape(cells)}", soft_wrap=True)
        if verdict.samples:
            ids = ", ".join(s[:12] for s in verdict.samples[:5])
            self.out.print(f"  samples: {ids}")

    @contextmanager
    def progress(self, state_of: str) -> Generator[None]:
        """Show what is being done: a bar on a terminal, a line a finished step elsewhere."""
        if self.as_json:
            yield
            return
        if not self.err.is_terminal:
            stop = progress.listen(lambda t, _, ends: self.err.print(f"  {t}") if ends else None)
            try:
                yield
            finally:
                stop()
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.err, transient=True) as bar:
            task = bar.add_task(state_of, total=1.0)

            def show(text: str, share: float, ends: bool) -> None:
                bar.update(task, description=escape(text), completed=share)
                if ends:
                    bar.console.print(f"  {escape(text)}")

            stop = progress.listen(show)
            try:
                yield
            finally:
                stop()


def closing(voice: Voice, state: "State", page: Path | None) -> None:
    """The last lines of a run: how much was reused, released or not, where to look next."""
    made = len(state.digests) - len(state.reused)
    voice.say(f"\n{len(state.digests)} assets: {made} made, {len(state.reused)} from the store.")
    if "release" in state.digests:
        voice.say(f"Released: {state.release_folder()}")
    elif state.blocked:
        names = ", ".join(j.posted.title for j in state.blocked)
        voice.say(f"Not released: {names}")
        _diagnosed(voice, state)
    if page:
        voice.say(f"Report: {page}")
        voice.say(f"Next: qa status {state.pipeline.name}; make ui (http://127.0.0.1:3000)")


def _diagnosed(voice: Voice, state: "State") -> None:
    """Which of the gates names the fault; the others are its consequences."""
    found = [Finding(j.posted.title, j.posted.stage, j.verdict) for j in state.blocked if j.verdict]
    named = diagnose(found)
    if named is None or len(found) == 1:
        return
    where = ", ".join(f"{k} {v}" for k, v in named.verdict.where.items() if v)
    said = f"{named.verdict.cause}{f' ({where})' if where else ''}, says {named.gate}"
    voice.say(f"Diagnosis: {said}; the others may follow from it.")


def gate_problems(state: "State") -> list[Problem]:
    """Each gate that did not pass, as a problem."""
    found: list[Problem] = []
    for j in state.blocked:
        if j.verdict:
            code = "GATE_FAILED" if j.verdict.outcome == "fail" else "GATE_CANNOT_TELL"
            found.append(Problem(code, j.posted.title, f"{j.verdict.summary} {j.verdict.cause}"))
    return found


def _as_json(judged: "Judged") -> dict[str, Any]:
    verdict = judged.verdict
    return {
        "asset": judged.posted.judged,
        "check": judged.posted.check.name,
        "blocking": judged.posted.blocking,
        "outcome": verdict.outcome if verdict else "not reached",
        "summary": verdict.summary if verdict else "",
        "measured": verdict.measured if verdict else None,
        "limit": verdict.limit if verdict else None,
        "cause": verdict.cause if verdict else "",
        "samples": list(verdict.samples) if verdict else [],
        "evidence": {
            title: [dict(zip(e.columns, row, strict=True)) for row in e.rows]
            for title, e in (verdict.evidence.items() if verdict else ())
        },
    }


def _number(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _harmless(text: str) -> str:
    """Names come from data: what steers a terminal is shown, not obeyed."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
