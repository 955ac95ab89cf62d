"""The gates' settings beside those under which the release before was made."""

import json
from collections.abc import Iterator, Mapping

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.release import GateSettings
from qa_assets.core.store import LocalStore

EVIDENCE, REVIEW = "evidence/gate_settings.json", "thresholds_reviewed"
Gates = Mapping[str, Mapping[str, str]]


def gate_settings(store: LocalStore, pipeline: str, gates: Gates) -> GateSettings:
    """Today's gates, and those of the newest release that was made under other ones.

    A run that changes nothing so compares with the same release as the run that made its own.

    Raises:
        InputRefused: ``GATE_REVIEW_REMOVED``: the gate that asks for a review was one then, and is
            none now: it could not say so itself. ``ARTIFACT_TAMPERED``: that release's evidence.
    """
    found = next(_others(store, pipeline, gates), None)
    if found is None:
        return GateSettings(gates=gates)
    digest, before = found
    if REVIEW in before and REVIEW not in gates:
        raise InputRefused.of(
            "GATE_REVIEW_REMOVED",
            REVIEW,
            "is no gate any more, though it was when the release before was made.",
            "Keep it under 'gates:', and accept there what was loosened.",
        )
    return GateSettings(gates=gates, release=digest, released=before)


def released_under_others(store: LocalStore, pipeline: str, gates: Gates) -> str:
    """Digest of that release; "" where there is none."""
    return next((digest for digest, _ in _others(store, pipeline, gates)), "")


def _others(store: LocalStore, pipeline: str, gates: Gates) -> Iterator[tuple[str, Gates]]:
    """Releases made under other gates, what is released now first, then the newest."""
    prefix = f"history/{pipeline}/release"
    newest = sorted(store.names(prefix), key=store.pointed_at, reverse=True)
    digests = [store.resolve(f"latest/{pipeline}/release"), *map(store.resolve, newest)]
    for digest in dict.fromkeys(d for d in digests if d):
        before = _gates_of(store, digest)
        if before is not None and before != {gate: dict(t) for gate, t in gates.items()}:
            yield digest, before


def _gates_of(store: LocalStore, release: str) -> Gates | None:
    """The gates a release was made under; None where it was made before that was kept.

    Raises:
        InputRefused: ``ARTIFACT_TAMPERED``: what it says of them is damaged, which must not look
            like a release that asked for nothing.
    """
    try:
        body = store.read(release, EVIDENCE)
    except InputRefused as error:
        if error.problems[0].code == "ARTIFACT_MISSING":
            return None
        raise
    return json.loads(body)["gates"]
