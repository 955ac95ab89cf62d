"""The release whose gates count is the newest one that was made under other ones."""

import json
import os
from pathlib import Path

import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.release import GateSettings, Release
from qa_assets.core.store import LocalStore
from qa_assets.release.gate_settings import gate_settings, released_under_others

EVIDENCE = "evidence/gate_settings.json"
"""Where a release keeps the record of the asset ``gate_settings``."""
STRICT = {"g": {"min_a": "0.9"}, "thresholds_reviewed": {}}
LOOSE = {"g": {"min_a": "0.5"}, "thresholds_reviewed": {}}


def released(store: LocalStore, gates: object, at: int, name: str = EVIDENCE) -> str:
    files = {name: json.dumps({"gates": gates}).encode()}
    record = Release(pipeline="p", version=str(at), evidence={}, gates=(), files=files)
    digest = store.put(record.content())
    for pointer in (f"history/p/release/{digest}", "latest/p/release"):
        store.point(pointer, digest)
        os.utime(store.root / "names" / pointer, (at, at))
    return digest


def test_without_a_release_or_with_the_same_gates_there_is_nothing_before(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    assert gate_settings(store, "p", STRICT) == GateSettings(gates=STRICT)
    released(store, STRICT, at=1)
    assert gate_settings(store, "p", STRICT) == GateSettings(gates=STRICT)
    assert released_under_others(store, "p", STRICT) == ""


def test_a_release_of_the_loosened_gates_does_not_make_them_the_measure(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    older, strict = released(store, {**LOOSE, "h": {}}, at=1), released(store, STRICT, at=2)
    before = gate_settings(store, "p", LOOSE)
    released(store, LOOSE, at=3)
    assert gate_settings(store, "p", LOOSE) == before
    assert (before.release, before.released) == (strict, STRICT)
    assert before.release != older


def test_the_review_cannot_be_switched_off_in_passing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    released(store, STRICT, at=1)
    with pytest.raises(InputRefused, match="^GATE_REVIEW_REMOVED thresholds_reviewed: "):
        gate_settings(store, "p", {"g": {"min_a": "0.9"}})


def test_a_release_from_before_this_was_kept_is_no_measure(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    released(store, STRICT, at=1, name="evidence/other.json")
    assert gate_settings(store, "p", LOOSE) == GateSettings(gates=LOOSE)


def test_damaged_evidence_does_not_look_like_no_release(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (store.get(released(store, STRICT, at=1)) / EVIDENCE).write_bytes(b"{}")
    with pytest.raises(InputRefused, match="ARTIFACT_TAMPERED"):
        gate_settings(store, "p", LOOSE)
