"""Which release a candidate is compared with, when one of them is damaged."""

import json
from pathlib import Path

from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets.evaluation.released import WEIGHTS, earlier_release, released_answers

OWN, OTHER = "a" * 64, "b" * 64


def released(store: LocalStore, weights: str) -> str:
    record = Release(
        pipeline="p",
        version=weights,
        evidence={},
        gates=("g",),
        files={"model.onnx": b"model", WEIGHTS: json.dumps({"weights_digest": weights}).encode()},
    )
    digest = store.put(record.content())
    store.point(f"history/p/release/{digest}", digest)
    store.point("latest/p/release", digest)
    return digest


def damage(store: LocalStore, digest: str, name: str) -> None:
    (store.get(digest) / name).write_bytes(b"damaged")


def test_the_candidates_own_release_stays_its_own_when_damaged(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    own = released(store, OWN)
    damage(store, own, "model.onnx")
    assert earlier_release(store, "p", OWN) == "", "the next run makes it again"
    assert earlier_release(store, "p", OTHER) == own


def test_an_older_release_is_found_behind_a_damaged_own_one(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    older, own = released(store, OTHER), released(store, OWN)
    damage(store, own, "model.onnx")
    assert earlier_release(store, "p", OWN) == older


def test_a_damaged_release_of_other_weights_still_blocks(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    other = released(store, OTHER)
    damage(store, other, "model.onnx")
    assert earlier_release(store, "p", OWN) == other
    found = released_answers(store, other, {}, {}, "absolute")
    assert "cannot be read" in found.unreadable


def test_whose_release_it_was_cannot_be_known_without_its_evidence(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    own = released(store, OWN)
    damage(store, own, WEIGHTS)
    assert earlier_release(store, "p", OWN) == own, "it must not look like no release"
