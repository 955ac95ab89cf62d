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
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import read_payloads

if TYPE_CHECKING:
    import pandas as pd

FOLDS, NAMED = 5, 50
MOST_SAMPLES = 6000
"""More are not looked at: the model's time grows with their square."""
LONGEST_SIDE = 16
"""Features are the pixels, averaged to at most so many a side."""
_SOFTNESS, _SEED = 2.0, 0


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


def out_of_fold(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    classes: int,
    together: NDArray[np.integer] | None = None,
) -> NDArray[np.float64]:
    """Chance of each class for each sample, by models that did not see it; shape (sample, class).

    The model is a support vector machine with a radial kernel: its distances from the borders,
    through a softmax, order well and take a fraction of a second.

    Args:
        features: Shape (sample, feature).
        labels: Class of each sample.
        classes: How many classes there are.
        together: Samples with the same number are held out together; each for itself by default.
    """
    from sklearn.svm import SVC

    chances = np.zeros((len(labels), classes))
    for seen, held_out in _folds(features, labels, together):
        model = SVC(C=_SOFTNESS, random_state=_SEED, decision_function_shape="ovr")
        model.fit(features[seen], labels[seen])
        raw: Any = model.decision_function(features[held_out])
        if raw.ndim == 1:  # two classes: one border
            raw = np.stack([-raw, raw], axis=1)
        grown = np.exp(raw - raw.max(axis=1, keepdims=True))
        chances[np.ix_(held_out, model.classes_)] = grown / grown.sum(axis=1, keepdims=True)
    return chances


def _folds(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    together: NDArray[np.integer] | None,
) -> Any:
    from sklearn.model_selection import PredefinedSplit, StratifiedKFold

    if together is None:
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED)
        return folds.split(features, labels)
    order = np.random.default_rng(_SEED).permutation(int(together.max(initial=0)) + 1)
    return PredefinedSplit(order[together] % FOLDS).split()


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
