"""Which labels look wrong: each is judged by a model that was trained without its sample."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.quality import SUSPECT_SHEET, SUSPECTS, LabelAudit, Suspect
from qa_assets.core.tables import read_table, table_bytes
from qa_assets.datasets.contact_sheet import sheet_of
from qa_assets.datasets.label_ranking import rank_labels
from qa_assets.datasets.out_of_fold import FOLDS, MOST_SAMPLES, out_of_fold
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    import pandas as pd

NAMED = 50
LONGEST_SIDE = 16
"""Features are the pixels, averaged to at most so many a side."""


def label_audit(snapshot: DatasetSnapshot, spec: InputSpec) -> LabelAudit:
    """Rank every label by how much rather the model would give another one.

    Raises:
        InputRefused: ``SET_CLASS_SMALL``: a class has fewer samples than there are folds.
    """
    import pandas as pd

    rows = read_table(snapshot, SAMPLES)
    chosen = rows.sort_values("id").head(MOST_SAMPLES)  # digests are random, so any
    small = chosen["label"].value_counts()
    if small.min() < FOLDS:
        label = str(small.idxmin())
        what = f"has {small.min()} samples, {FOLDS} are needed to look at their labels."
        raise InputRefused.of("SET_CLASS_SMALL", label, what, "Add samples of it.")
    features = _features(snapshot, spec, list(chosen["id"]))
    labels = np.array(pd.Categorical(chosen["label"], categories=snapshot.classes).codes)
    chances = out_of_fold(features, labels, len(snapshot.classes))
    found = rank_labels(chances, labels)
    order, score = found.order, found.score
    ranked = pd.DataFrame(
        {
            "id": chosen["id"].to_numpy()[order],
            "label": chosen["label"].to_numpy()[order],
            "suggested": np.array(snapshot.classes)[found.suggested[order]],
            "score": score[order],
        }
    )
    suspects = _named(ranked, dict(zip(chosen["id"], chosen["name"], strict=True)))
    return LabelAudit(
        samples=len(chosen),
        left_out=len(rows) - len(chosen),
        agreement=float((score > 0).mean()),
        suspects=suspects,
        files={
            SUSPECTS: table_bytes(ranked),
            SUSPECT_SHEET: sheet_of(
                snapshot, [(s.id, f"{s.label}, not {s.suggested}?") for s in suspects]
            ),
        },
    )


def _features(snapshot: DatasetSnapshot, spec: InputSpec, ids: list[str]) -> NDArray[np.float32]:
    small = spec.model_copy(
        update={
            "height": min(spec.height, LONGEST_SIDE),
            "width": min(spec.width, LONGEST_SIDE),
            "interpolation": "box",
        }
    )
    payloads = read_payloads(snapshot, frozenset(ids))
    decoded = {sample: image.decode(payload, small) for sample, payload in payloads}
    pixels = np.stack([decoded[sample] for sample in ids]).astype(np.float32)
    return pixels.reshape(len(ids), -1) / np.float32(spec.scale)


def _named(ranked: "pd.DataFrame", names: dict[str, str]) -> tuple[Suspect, ...]:
    worst = ranked[ranked["score"] < 0].head(NAMED)
    columns = (worst["id"], worst["label"], worst["suggested"], worst["score"])
    rows = zip(*columns, strict=True)
    return tuple(Suspect(i, names[i], label, rather, float(s)) for i, label, rather, s in rows)
