"""What a person should look at: any of every class, the oddest, the most doubtful, the rarest."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import QUALITY, SUSPECTS, LabelAudit, SampleQuality
from qa_assets.core.records.review import (
    FINDINGS,
    OPEN_QUESTIONS,
    SHEET,
    Question,
    Shown,
    SpotCheck,
)
from qa_assets.core.tables import read_table
from qa_assets.datasets.contact_sheet import COLUMNS as A_ROW
from qa_assets.datasets.contact_sheet import sheet_of
from qa_assets.datasets.ledger import COLUMNS, Ledger
from qa_assets.datasets.measured import thumbnails
from qa_assets.datasets.quality import ODD_FROM
from qa_assets.datasets.settings import SpotCheckSettings
from qa_assets.datasets.splits import place

MOST_COMPARED = 6000
"""Samples among which the rarest are looked for, those with the smallest digests, so any."""
_LIMITED: Mapping[Question, str] = {
    "label": "suspicious", "quality": "worst", "rare": "rare", "random": "random",
}  # fmt: skip
"""The setting that says how many are asked about."""
_LIMITS = tuple(_LIMITED.values())
_TITLES: Mapping[Question, str] = {
    "label": "label?", "quality": "odd?", "rare": "rare", "random": "any",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Rows:
    """Name and label of each sample by id."""

    names: Mapping[str, str]
    labels: Mapping[str, str]

    def shown(self, sample: str, question: Question, said: str) -> Shown:
        return Shown(sample, self.names[sample], self.labels[sample], question, said)


def spot_check(
    snapshot: DatasetSnapshot,
    quality: SampleQuality,
    audit: LabelAudit,
    settings: SpotCheckSettings,
    ledger: Ledger,
) -> SpotCheck:
    """Choose what to look at; the same seed and data give the same sheet.

    Args:
        snapshot: The samples.
        quality: Which of them are unlike their class.
        audit: Which labels look wrong.
        settings: How many of each, and the seed.
        ledger: What people decided before: that is shown, and not asked again.
    """
    table = read_table(snapshot, SAMPLES)
    rows = _Rows(*(dict(zip(table["id"], table[c], strict=True)) for c in ("name", "label")))
    some = settings.model_copy(update={n: getattr(settings, n) + len(ledger) for n in _LIMITS})
    found = [
        *_suspicious(audit, rows, some),
        *_odd(quality, rows, some),
        *_rare(snapshot, rows, some),
        *_stratified(rows, some),
    ]
    known = [_decided(s, ledger) for s in found]
    asked = tuple(
        shown
        for question, limit in _LIMITED.items()
        for shown in [s for s in known if s.question == question and not s.decision][
            : getattr(settings, limit)
        ]
    )
    decided = tuple(s for s in known if s.decision)
    return SpotCheck(
        seed=settings.seed,
        asked=asked,
        decided=(*decided, *_carried_over(decided, ledger, rows)),
        undecided=_undecided(quality, audit, settings, ledger),
        ledger=len(ledger),
        files={
            SHEET: sheet_of(snapshot, list(_places(asked, decided))),
            OPEN_QUESTIONS: _questions(asked),
        },
    )


def _undecided(
    quality: SampleQuality, audit: LabelAudit, settings: SpotCheckSettings, ledger: Ledger
) -> dict[Question, int]:
    """All findings without a decision, on the sheet or not; none of a kind that nobody is asked."""
    measured = read_table(quality, QUALITY, ["id", "label", "oddness"])
    doubted = read_table(audit, SUSPECTS)
    found: dict[Question, Any] = {
        "quality": measured[measured["oddness"] > ODD_FROM], "label": doubted[doubted["score"] < 0],
    }  # fmt: skip
    return {
        question: sum(
            (sample, question, label) not in ledger
            for sample, label in zip(rows["id"], rows["label"], strict=True)
        )
        if getattr(settings, _LIMITED[question])
        else 0
        for question, rows in found.items()
    }


def _suspicious(audit: LabelAudit, rows: _Rows, settings: SpotCheckSettings) -> Iterator[Shown]:
    for suspect in audit.suspects[: settings.suspicious]:
        said = f"rather {suspect.suggested}, score {suspect.score:.2f}"
        yield rows.shown(suspect.id, "label", said)


def _odd(quality: SampleQuality, rows: _Rows, settings: SpotCheckSettings) -> Iterator[Shown]:
    for odd in quality.oddest[: settings.worst]:
        said = f"{odd.measure} {odd.value:.3g}, typical {odd.typical:.3g}"
        yield rows.shown(odd.id, "quality", said)


def _rare(snapshot: DatasetSnapshot, rows: _Rows, settings: SpotCheckSettings) -> Iterator[Shown]:
    """The samples whose nearest neighbour is farthest, by their thumbnails."""
    from sklearn.neighbors import NearestNeighbors

    looks = thumbnails(snapshot)[:MOST_COMPARED].astype(np.float32) / np.iinfo(np.uint8).max
    pair = 2  # itself and the nearest other one
    if len(looks) < pair:
        return
    nearest: Any = NearestNeighbors(n_neighbors=pair).fit(looks).kneighbors(looks)[0][:, 1]
    ids = list(rows.names)
    for row in np.argsort(-nearest, kind="stable")[: settings.rare].tolist():
        yield rows.shown(ids[row], "rare", f"nearest other one at {nearest[row]:.3g}")


def _stratified(rows: _Rows, settings: SpotCheckSettings) -> Iterator[Shown]:
    """Of each class in turn, in an order that the seed and the content alone decide."""
    by_class: dict[str, list[str]] = {label: [] for label in sorted(set(rows.labels.values()))}
    for sample in sorted(rows.labels, key=lambda s: place(s, settings.seed)):
        by_class[rows.labels[sample]].append(sample)
    deepest = max(map(len, by_class.values()), default=0)
    order = (c[depth] for depth in range(deepest) for c in by_class.values() if depth < len(c))
    for sample, _ in zip(order, range(settings.random), strict=False):
        yield rows.shown(sample, "random", "any of its class")


def _decided(shown: Shown, ledger: Ledger) -> Shown:
    entry = ledger.get((shown.id, shown.question, shown.label))
    if entry is None:
        return shown
    done = entry.decision == "keep"  # what is still there as it was is neither moved nor removed
    return replace(shown, decision=entry.decision, by=entry.by, right=entry.right, done=done)


def _carried_over(decided: Iterable[Shown], ledger: Ledger, rows: _Rows) -> Iterator[Shown]:
    """Decisions about samples that are on no list any more, where the data are not as decided."""
    there = {(s.id, s.question, s.label) for s in decided}
    for key, entry in sorted(ledger.items()):
        same = rows.labels.get(entry.sample) == entry.label
        if key not in there and same and entry.decision != "keep":
            yield _decided(rows.shown(entry.sample, entry.question, "decided before"), ledger)


def _places(asked: Iterable[Shown], decided: Iterable[Shown]) -> Iterator[tuple[str, str]]:
    """Id and row of each picture; a reason with more than a row has several."""
    count: Counter[str] = Counter()
    titled = [*((s, _TITLES[s.question]) for s in asked), *((s, "decided") for s in decided)]
    for shown, title in titled:
        yield shown.id, f"{title} {count[title] // A_ROW + 1}"
        count[title] += 1


def _questions(asked: Iterable[Shown]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for s in asked:
        if s.question in FINDINGS:
            writer.writerow((s.id, s.question, s.label, "", "", "", "", f"{s.name}: {s.said}"))
    return out.getvalue().encode()
