"""The release that a candidate is compared with, and what it answers on today's test samples.

What is kept of a release is its shipped file, so it is asked again: a test split that has grown
since is no obstacle, and both models answer the same samples.
"""

import json
from collections.abc import Mapping

import numpy as np

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.comparison import FirstRelease, ReleaseBaseline
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.export import MODEL
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import table_bytes

WEIGHTS = "evidence/trained_weights.json"
Labels = Mapping[str, tuple[str, str]]
"""Label and group of each sample by id."""


def earlier_release(store: LocalStore, pipeline: str, weights_digest: str) -> str:
    """Digest of the release a candidate is compared with; "" where there is none.

    It is what is released now, unless that is the candidate itself: then the newest other one. So
    a run that changes nothing compares with the same release as the run that made its own.
    """
    prefix = f"history/{pipeline}/release"
    newest = sorted(store.names(prefix), key=store.pointed_at, reverse=True)
    digests = [store.resolve(f"latest/{pipeline}/release"), *map(store.resolve, newest)]
    for digest in dict.fromkeys(d for d in digests if d):
        if weights_of(store, digest) != weights_digest:
            return digest
    return ""


def weights_of(store: LocalStore, release: str) -> str:
    """Digest of the weights of a release; "" where it cannot be read.

    One file says it: damage to the others does not make a stranger of the candidate's own release.
    """
    try:
        return str(json.loads(store.read(release, WEIGHTS))["weights_digest"])
    except InputRefused:
        return ""


def released_answers(
    store: LocalStore,
    release: str,
    labels: Labels,
    payloads: Mapping[str, bytes],
    first_release: FirstRelease,
) -> ReleaseBaseline:
    """Let the release answer.

    Args:
        store: Where it is kept.
        release: Its digest, "" where there is none.
        labels: Label and group of every test sample by id.
        payloads: Their raw bytes by id.
        first_release: What the pipeline declares for the time before any release.

    Returns:
        The answers; or, where the release cannot be read, why: that must not look like no release.
    """
    import pandas as pd

    from qa_assets.evaluation.exported import ExportedModel
    from qa_assets.evaluation.scores import softmax

    if not release:
        return ReleaseBaseline(first_release=first_release)
    ids = sorted(payloads)
    try:
        shipped = Release.load(store.get(release))
        body, weights = shipped.read(MODEL), weights_of(store, release)
        model = ExportedModel(body)
        logits = model.answer(model.decode({i: payloads[i] for i in ids}))
    except (InputRefused, KeyError) as error:
        why = f"release {release[:12]} cannot be read: {error}"
        return ReleaseBaseline(release=release, unreadable=why, first_release=first_release)
    top = logits.argmax(axis=1)
    columns = {
        "id": ids,
        "label": [labels[i][0] for i in ids],
        "group": [labels[i][1] for i in ids],
        "predicted": [model.labels[k] for k in top],
        "confidence": softmax(logits)[np.arange(len(top)), top],
    }
    return ReleaseBaseline(
        release=release,
        version=shipped.version,
        weights_digest=weights,
        first_release=first_release,
        samples=len(ids),
        files={MODEL: body, SAMPLES: table_bytes(pd.DataFrame(columns))},
    )
