"""What people decided about samples, read strictly from ``data/<pipeline>/adjudications.csv``.

One line a decision, with the header ``sample,question,label,decision,right,by,on,note``:

    sample    the sample's id: SHA-256 of its bytes, 64 hexadecimal digits
    question  quality, label, rare or random: why it was shown
    label     the label it had when it was judged; under another label it is asked again
    decision  keep, relabel or remove
    right     the label it should have; for relabel only
    by, on    who decided, and the day as YYYY-MM-DD
    note      anything
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import cast, get_args

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.records.review import Decision, Question

COLUMNS = ("sample", "question", "label", "decision", "right", "by", "on", "note")
NAME = "adjudications"
MOST_BYTES = 64 << 20
_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Adjudication:
    """One decision of a person; the fields are the columns of the file."""

    sample: str
    question: Question
    label: str
    decision: Decision
    right: str
    by: str
    on: date
    note: str


Ledger = Mapping[tuple[str, Question, str], Adjudication]
"""Decisions by sample, question and the label that was judged."""


def ledger_file(folder: Path) -> Path | None:
    """The ledger in a pipeline's data folder, None where there is none.

    Raises:
        InputRefused: ``LEDGER_FORMAT``: there is one that nobody would read.
    """
    found = sorted(folder.glob(f"{NAME}.*")) if folder.is_dir() else []
    foreign = [f for f in found if f.suffix != ".csv"]
    if foreign:
        raise InputRefused.of(
            "LEDGER_FORMAT", foreign[0].name, "is not read.", f"Decisions go into {NAME}.csv."
        )
    return found[0] if found else None


def read_ledger(file: Path | None) -> Ledger:
    """Every decision; one that cannot be meant is refused, with its line.

    Raises:
        InputRefused: ``LEDGER_ENCODING``, ``LEDGER_SIZE``, ``LEDGER_HEADER``, ``LEDGER_ROW``,
            ``LEDGER_VALUE`` or ``LEDGER_TWICE``.
    """
    if file is None:
        return {}
    decided: dict[tuple[str, Question, str], Adjudication] = {}
    lines: dict[tuple[str, Question, str], int] = {}
    problems: list[Problem] = []
    for line, row in _rows(file):
        wrong = list(_faults(f"{file.name}:{line}", row))
        problems += wrong
        if wrong:
            continue
        entry = _entry(row)
        key = entry.sample, entry.question, entry.label
        if key in decided:
            what = f"decides again what line {lines[key]} decided."
            problems.append(
                Problem("LEDGER_TWICE", f"{file.name}:{line}", what, "Keep one of them.")
            )
        decided[key], lines[key] = entry, line
    if problems:
        raise InputRefused(*problems)
    return decided


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells of each row below the header."""
    with file.open("rb") as stream:
        body = stream.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise InputRefused.of("LEDGER_SIZE", file.name, f"is larger than {MOST_BYTES} bytes.")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{body[error.start]:02x} is not UTF-8."
        raise InputRefused.of("LEDGER_ENCODING", f"{file.name}:{line}", what) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = ",".join(COLUMNS)
    try:
        first = next(reader, [])
        if tuple(first) != COLUMNS:
            what, remedy = "has another header than the ledger's.", f"Write {header}."
            raise InputRefused.of("LEDGER_HEADER", f"{file.name}:1", what, remedy)
        for row in reader:
            place = f"{file.name}:{reader.line_num}"
            if row and len(row) != len(COLUMNS):
                what = f"has {len(row)} cells, {len(COLUMNS)} are needed."
                raise InputRefused.of("LEDGER_ROW", place, what, f"The columns are {header}.")
            if row:
                yield reader.line_num, dict(zip(COLUMNS, row, strict=True))
    except csv.Error as error:
        place = f"{file.name}:{reader.line_num}"
        raise InputRefused.of("LEDGER_ROW", place, f"is no CSV: {error}.") from error


def _faults(place: str, row: Mapping[str, str]) -> Iterator[Problem]:
    for what, remedy in (*_words(row), *_relabelling(row)):
        yield Problem("LEDGER_VALUE", place, what, remedy)


def _words(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not _ID.fullmatch(row["sample"]):
        yield "sample is no id.", "It is 64 digits, 0-9 and a-f."
    for column, known in (("question", get_args(Question)), ("decision", get_args(Decision))):
        if row[column] not in known:
            yield f"{column} is {row[column][:40]!r}.", f"It is one of {', '.join(known)}."
    for column in ("label", "by"):
        if not row[column].strip():
            yield f"{column} is empty.", "Fill it in."
    if _day(row["on"]) is None:
        yield f"on is {row['on'][:40]!r}.", "Write the day as YYYY-MM-DD."


def _relabelling(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if bool(row["right"]) != (row["decision"] == "relabel"):
        yield "right and decision do not go together.", "right is filled for relabel only."
    elif row["right"] and row["right"] == row["label"]:
        yield "right is the label it has.", "Then the decision is keep."


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def _entry(row: Mapping[str, str]) -> Adjudication:
    return Adjudication(
        sample=row["sample"],
        question=cast(Question, row["question"]),
        label=row["label"],
        decision=cast(Decision, row["decision"]),
        right=row["right"],
        by=row["by"],
        on=date.fromisoformat(row["on"]),
        note=row["note"],
    )
