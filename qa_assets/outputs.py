"""What a run leaves in ``reports/<pipeline>/`` for people and for DVC: numbers, curves, a page."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from qa_assets.core.publish import replace_file
from qa_assets.core.record import Markdown, Record
from qa_assets.core.records.evaluation import Evaluation, Predictions
from qa_assets.core.records.release import QaReport
from qa_assets.core.records.review import OPEN_QUESTIONS, SpotCheck
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.tables import read_table
from qa_assets.core.verdict import NOT_REACHED, Verdict
from qa_assets.resources import local_store
from qa_assets.runs import State
from qa_assets.stages.outcome import report_on

REPORTS = "reports"


def write_outputs(state: State, assets: Iterable[str] | None = None) -> Path:
    """Write one JSON a measured asset, the curves and, after a whole run, the report.

    Args:
        state: What a run made.
        assets: Which assets to write; all of them and the report by default.

    Returns:
        The folder.
    """
    folder = state.pipeline.root / REPORTS / state.pipeline.name
    records = state.records(local_store(state.pipeline.root))
    for name, record in records.items():
        if assets is None or name in assets:
            replace_file(folder / f"{name}.json", _numbers(record, state.digests[name]))
            for file, body in _curves(record).items():
                replace_file(folder / file, body)
    if assets is None:
        found = records.get("qa_report")
        write_page(found if isinstance(found, QaReport) else make_report(state, records), folder)
    return folder


def write_page(page: QaReport, folder: Path) -> Path:
    """Write a report where people look for it; the path of its page."""
    for name in ("report.json", "report.html"):
        replace_file(folder / name, page.read(name))
    return folder / "report.html"


def make_report(state: State, records: Mapping[str, Record]) -> QaReport:
    """The report of a pipeline that did not come to its end."""
    shut = Verdict(outcome="cannot tell", summary="not reached", cause=NOT_REACHED)
    verdicts = [j.verdict or shut for j in state.judged]
    reached = {n: r for n, r in records.items() if n != "qa_report"}
    return report_on(state.pipeline, [j.posted for j in state.judged], reached, verdicts)


def _numbers(record: Record, digest: str) -> bytes:
    shown = {
        name: value for name, value in record.metadata().items() if not isinstance(value, Markdown)
    }
    return json.dumps({"record": digest, **shown}, indent=2).encode() + b"\n"


def _curves(record: Record) -> dict[str, bytes]:
    if isinstance(record, TrainedWeights):
        columns = ("epoch", "train_loss", "validation_loss", "validation_accuracy")
        rows = [tuple(getattr(e, c) for c in columns) for e in record.history]
        return {"loss.csv": _csv(columns, rows)}
    if isinstance(record, Predictions):
        table = read_table(record, "samples.parquet")
        rows = list(zip(table["label"], table["predicted"], strict=True))
        return {"confusion.csv": _csv(("label", "predicted"), rows)}
    if isinstance(record, Evaluation):
        rows = [(c.label, c.precision.value, c.recall.value, c.f1.value) for c in record.per_class]
        return {"classes.csv": _csv(("label", "precision", "recall", "f1"), rows)}
    if isinstance(record, SpotCheck):
        return {OPEN_QUESTIONS: record.read(OPEN_QUESTIONS)}
    return {}


def _csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().encode()
