"""Which labels look wrong: each is judged by a model that was trained without its sample."""

from typing import TYPE_CHECKING, Any

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

    Samples of a class with fewer of them than there are folds are left out.

    Raises:
        InputRefused: ``SET_CLASS_SMALL``: fewer than two classes are left.
    """
    import pandas as pd

    rows = read_table(snapshot, SAMPLES)
    any_of_them = rows.sort_values("id").head(MOST_SAMPLES)  # digests are random
    chosen, classes = _large_classes(any_of_them)
    features = _features(snapshot, spec, list(chosen["id"]))
    labels = np.array(pd.Categorical(chosen["label"], categories=classes).codes)
    chances = out_of_fold(features, labels, len(classes))
    found = rank_labels(chances, labels)
    order, score = found.order, found.score
    ranked = pd.DataFrame(
        {
            "id": chosen["id"].to_numpy()[order],
            "label": chosen["label"].to_numpy()[order],
            "suggested": np.array(classes)[found.suggested[order]],
            "score": score[order],
        }
    )
    suspects = _named(ranked, dict(zip(chosen["id"], chosen["name"], strict=True)))
    return LabelAudit(
        samples=len(chosen),
        left_out=len(rows) - len(chosen),
        small=tuple(c for c in snapshot.classes if c not in classes),
        agreement=float((score > 0).mean()),
        suspects=suspects,
        files={
            SUSPECTS: table_bytes(ranked),
            SUSPECT_SHEET: sheet_of(
                snapshot, [(s.id, f"{s.label}, not {s.suggested}?") for s in suspects]
            ),
        },
    )


def _large_classes(chosen: Any) -> "tuple[pd.DataFrame, list[str]]":
    """The samples of classes that each fold has some of, and these classes, sorted."""
    counts = chosen["label"].value_counts()
    large = sorted(counts.index[counts >= FOLDS])
    if len(large) > 1:
        return chosen[chosen["label"].isin(large)], large
    label = str(counts.idxmin())
    what = f"has {counts.min()} samples, {FOLDS} are needed to look at their labels."
    raise InputRefused.of("SET_CLASS_SMALL", label, what, "Add samples of it.")


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
