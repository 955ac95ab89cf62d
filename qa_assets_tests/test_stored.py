"""The latest of everything is one candidate, never a mixture of two."""

from pathlib import Path

from qa_assets.artifacts import obtain
from qa_assets.core.store import LocalStore
from qa_assets.resources import made_from
from qa_assets.runs import find_pipeline
from qa_assets.stored import latest, made_by
from qa_assets_tests.small import Made, artifacts

DIGITS = find_pipeline("digits")


def run(store: LocalStore, number: int, samples: int, *, until: str = "second") -> dict[str, str]:
    """What a run does to the store's names; one that is stopped behind an asset goes no further."""
    digests: dict[str, str] = {}
    for name, artifact in artifacts(Made(), samples=samples).items():
        inputs = {read: digests[read] for read in artifact.reads}
        digests[name] = obtain(artifact, inputs, store).digest
        for place in (f"runs/{number}/digits/{name}", f"latest/digits/{name}"):
            store.point(place, digests[name])
        store.point(made_from(f"digits/{name}", inputs), digests[name])
        if name == until:
            break
    return digests


def test_what_was_made_in_one_run_is_the_latest(tmp_path: Path) -> None:
    store, graph = LocalStore(tmp_path), artifacts(Made())
    assert latest(DIGITS, graph, store) == {}
    assert latest(DIGITS, graph, store) == made_by("1", DIGITS, graph, store)
    whole = run(store, 1, samples=3)
    assert latest(DIGITS, graph, store) == whole == made_by("1", DIGITS, graph, store)


def test_behind_a_shut_gate_nothing_speaks_of_another_candidate(tmp_path: Path) -> None:
    store, graph = LocalStore(tmp_path), artifacts(Made())
    whole = run(store, 1, samples=3)
    stopped = run(store, 2, samples=4, until="first")
    assert latest(DIGITS, graph, store) == stopped != whole
    assert latest(DIGITS, graph, store) == made_by("2", DIGITS, graph, store)
    assert run(store, 3, samples=3, until="first")["first"] == whole["first"]
    assert latest(DIGITS, graph, store) == whole, "back at the first, its own records count again"
