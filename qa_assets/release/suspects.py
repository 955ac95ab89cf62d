"""The samples that a verdict names, as a person wants to see them: picture, label, answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.tables import read_table
from qa_assets.preprocessing.samples import read_payloads
from qa_assets.release.page import data_uri

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 12
MAX_PICTURE_BYTES = 40_000
_MAGIC = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}


@dataclass(frozen=True, slots=True)
class Suspect:
    """One sample.

    Attributes:
        id: Content digest.
        label: What the dataset says it is, "" where that is unknown.
        name: Where it was found.
        answer: What the model says it is, with its confidence.
        picture: The sample as a data URI, "" where it is too large or no picture.
    """

    id: str
    label: str = ""
    name: str = ""
    answer: str = ""
    picture: Markup = field(default_factory=Markup)


def suspects(
    ids: Iterable[str], snapshot: DatasetSnapshot | None, predictions: Predictions | None
) -> dict[str, Suspect]:
    """Each of ``ids`` that is a sample of the snapshot, by id."""
    wanted = frozenset(ids)
    if not wanted or snapshot is None or SAMPLES not in snapshot.files:
        return {}
    rows = _rows(read_table(snapshot, SAMPLES), wanted)
    answers: dict[str, dict[str, object]] = {}
    if predictions is not None and SAMPLES in predictions.files:
        answers = _rows(read_table(predictions, SAMPLES), wanted)
    payloads = dict(read_payloads(snapshot, wanted))
    return {
        sample: Suspect(
            sample,
            str(row["label"]),
            str(row["name"]),
            _answer(answers.get(sample)),
            _picture(payloads.get(sample, b"")),
        )
        for sample, row in rows.items()
    }


def _rows(frame: "pd.DataFrame", wanted: frozenset[str]) -> dict[str, dict[str, object]]:
    chosen: Any = frame[frame["id"].isin(sorted(wanted))]
    return {row["id"]: row for row in chosen.to_dict("records")}


def _answer(row: dict[str, object] | None) -> str:
    return "" if row is None else f"{row['predicted']} ({row['confidence']:.2f})"


def _picture(payload: bytes) -> Markup:
    for magic, kind in _MAGIC.items():
        if payload.startswith(magic) and len(payload) <= MAX_PICTURE_BYTES:
            return data_uri(payload, kind)
    return Markup()
