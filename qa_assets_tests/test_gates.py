"""A gate opens only on pass: a failing, crashing or evidence-less check blocks, a monitor warns."""

from pathlib import Path

import dagster as dg
import pytest

from qa_assets.core.store import LocalStore
from qa_assets_tests.small import (
    Made,
    artifacts,
    breaks,
    crashes,
    definitions,
    holds,
    posted,
    run,
)


def verdicts(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {
        e.check_name: (e.passed, str(e.metadata["outcome"].value))
        for e in result.get_asset_check_evaluations()
    }


def test_an_open_gate_lets_the_graph_run(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    made = Made()
    graph = artifacts(made)
    result = run(definitions(tmp_path, graph, [posted(graph["first"], holds)]), instance)
    assert result.success
    assert made.names == ["first", "second"]
    assert verdicts(result) == {"holds": (True, "pass")}


@pytest.mark.parametrize(("judge", "outcome"), [(breaks, "fail"), (crashes, "cannot tell")])
def test_a_gate_that_does_not_pass_blocks(
    tmp_path: Path, instance: dg.DagsterInstance, judge: object, outcome: str
) -> None:
    made = Made()
    graph = artifacts(made)
    checks = [posted(graph["first"], judge), posted(graph["first"], holds)]
    result = run(definitions(tmp_path, graph, checks), instance)
    assert not result.success
    assert made.names == ["first"]
    assert verdicts(result)[judge.__name__] == (False, outcome)  # type: ignore[attr-defined]
    assert verdicts(result)["holds"] == (True, "pass"), "every selected check has its verdict"


def test_a_monitor_warns_and_does_not_block(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    made = Made()
    graph = artifacts(made)
    checks = [posted(graph["first"], breaks, blocking=False)]
    result = run(definitions(tmp_path, graph, checks), instance)
    assert result.success
    assert made.names == ["first", "second"]
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.severity is dg.AssetCheckSeverity.WARN
    assert not evaluation.passed


def test_evidence_that_was_never_made_is_no_pass(tmp_path: Path) -> None:
    graph = artifacts(Made())
    verdict, _ = posted(graph["first"], holds).judge_stored({}, LocalStore(tmp_path))
    assert verdict.outcome == "cannot tell"
    assert "first" in verdict.summary


def test_the_same_question_is_answered_from_the_store(tmp_path: Path) -> None:
    from qa_assets.artifacts import obtain

    graph, store = artifacts(Made()), LocalStore(tmp_path)
    digests = {"first": obtain(graph["first"], {}, store).digest}
    check = posted(graph["first"], holds)
    assert [check.judge_stored(digests, store)[1] for _ in range(2)] == [False, True]
    assert not posted(graph["first"], breaks).judge_stored(digests, store)[1]


def test_the_result_carries_number_limit_and_cause(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    graph = artifacts(Made())
    result = run(definitions(tmp_path, graph, [posted(graph["first"], breaks)]), instance)
    (evaluation,) = result.get_asset_check_evaluations()
    said = {name: value.value for name, value in evaluation.metadata.items()}
    assert (said["measured"], said["limit"], said["cause"]) == (2.0, 1.0, "test.broken")


def test_data_version_is_the_record_digest(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    graph = artifacts(Made())
    defined = definitions(tmp_path, graph, [])
    assert run(defined, instance).success
    event = instance.get_latest_materialization_event(dg.AssetKey(["p", "first"]))
    assert event is not None
    assert event.asset_materialization is not None
    tags = event.asset_materialization.tags or {}
    assert tags["dagster/data_version"] == LocalStore(tmp_path).resolve("latest/p/first")


def test_runs_read_what_they_made_themselves(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    """A later run's latest pointer does not leak into an earlier run."""
    graph = artifacts(Made())
    result = run(definitions(tmp_path, graph, []), instance)
    store = LocalStore(tmp_path)
    own = store.resolve(f"runs/{result.run_id}/p/first")
    assert own is not None
    assert own == store.resolve("latest/p/first")
