"""Where each check stands, what its verdict depends on, and how what goes wrong becomes one."""

from functools import cache
from pathlib import Path

import pytest

from qa_assets.artifacts import Artifact, obtain
from qa_assets.config import Pipeline
from qa_assets.core.digests import digest_file
from qa_assets.core.errors import InputRefused
from qa_assets.core.record import Record
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict
from qa_assets.gates import Posted, posted_checks, thresholds_of
from qa_assets.graph import build_graph
from qa_assets.identity import code_version
from qa_assets.runs import find_pipeline
from qa_assets_tests.small import Made, artifacts, crashes, holds, posted

TARGETS = ("ort_cpu", "ort_int8", "onnx_reference")


@cache
def digits() -> tuple[Pipeline, dict[str, Artifact], dict[str, Posted]]:
    pipeline = find_pipeline("digits")
    graph, found = build_graph(pipeline)
    return pipeline, graph, {p.title: p for p in found}


def test_every_chosen_check_stands_once_and_once_a_target() -> None:
    pipeline, _, found = digits()
    for chosen, blocking in ((pipeline.config.gates, True), (pipeline.config.monitors, False)):
        for check, _ in chosen.chosen():
            standing = [p for p in found.values() if p.check.name == check.name]
            per_target = any(a.startswith(("edge_", "latency_")) for a in check.assets[:1])
            per_target &= check.assets[0] != "edge_cases"
            assert len(standing) == (len(TARGETS) if per_target else 1), check.name
            assert {p.blocking for p in standing} == {blocking}


@pytest.mark.parametrize("target", TARGETS)
def test_a_check_on_a_target_reads_what_that_target_did(target: str) -> None:
    _, _, found = digits()
    expected = {
        "edge_comparison": ("edge_stages_agree", {"edge_comparison": f"edge_comparison/{target}"}),
        "edge_benchmark": (
            "edge_ran_this_model",
            {"edge_benchmark": f"edge_benchmark/{target}", "onnx_model": "onnx_model"},
        ),
    }
    for check, reads in expected.values():
        standing = found[f"edge_comparison/{target}: {check}"]
        assert {p: a.name for p, a in standing.reads.items()} == reads
        assert (standing.stage, standing.judged) == ("edge", f"edge_comparison/{target}")
    assert f"latency_duel/{target}: not_slower" in found


def test_what_explains_is_made_before_a_gate_shuts() -> None:
    """A gate on the snapshot stands behind the splits; without splits it stands where it reads."""
    pipeline, graph, found = digits()
    assert "dataset_splits: classes_known" in found
    assert "dataset_splits: quarantine_share" in found
    alone = {
        n: a for n, a in graph.items() if n not in ("dataset_splits", "edge_comparison/ort_cpu")
    }
    few = [
        (check, thresholds)
        for check, thresholds in pipeline.config.gates.chosen()
        if check.name in ("classes_known", "edge_answers")
    ]
    assert len(few) == 2
    only = pipeline.config.model_copy(
        update={"gates": type(pipeline.config.gates)(**{c.name: t for c, t in few}),
                "monitors": type(pipeline.config.monitors)()}
    )  # fmt: skip
    standing = posted_checks(Pipeline(only, pipeline.folder, pipeline.root), alone)
    assert [p.judged for p in standing] == [
        "dataset_snapshot", "edge_benchmark/ort_cpu", "edge_comparison/ort_int8",
        "edge_comparison/onnx_reference",
    ]  # fmt: skip


def test_gates_stand_in_the_order_of_the_graph() -> None:
    _, graph, found = digits()
    order = list(graph)
    places = [order.index(p.judged) for p in found.values()]
    assert places == sorted(places)
    assert found["baselines: data_read_as_by_hand"].stage == "training"


def test_a_verdict_depends_on_the_check_its_code_and_its_thresholds() -> None:
    pipeline, _, found = digits()
    suite = pipeline.folder / "samples_suite.json"
    assert found["dataset_splits: expectations_hold_on_samples"].identity() == {
        "check": "expectations_hold_on_samples",
        "code": code_version(("checks",)),
        "thresholds": {"suite": digest_file(suite)},
    }
    classes = found["dataset_splits: classes_known"].identity()["thresholds"]["classes"]
    assert classes == [str(i) for i in range(10)]


def test_thresholds_are_told_as_text_without_what_was_accepted() -> None:
    told = thresholds_of(digits()[0])
    suite = digits()[0].folder / "samples_suite.json"
    assert told["expectations_hold_on_samples"] == {
        "suite": f"samples_suite.json {digest_file(suite)[:12]}"
    }
    assert told["versions_alike"]["first_version"] == '"accepted"'
    assert told["thresholds_reviewed"] == told["preprocessing_unchanged_since_release"] == {}


def test_thresholds_of_several_parts_are_in_one_order() -> None:
    pipeline = digits()[0]
    gates = pipeline.config.gates
    layers = {"b": 1, "a": 2}

    class Parts:
        """As the gates, with a threshold that has parts."""

        @staticmethod
        def chosen() -> list[object]:
            (check,) = [c for c, _ in gates.chosen() if c.name == "accuracy_sufficient"]
            return [(check, {"min_accuracy": layers})]

    changed = pipeline.config.model_copy(update={"gates": Parts()})
    told = thresholds_of(Pipeline(changed, pipeline.folder, pipeline.root))
    assert told == {"accuracy_sufficient": {"min_accuracy": '{"a": 2, "b": 1}'}}


def refuses(record: Record) -> Verdict:
    """It refuses."""
    raise InputRefused.of("TEST_CODE", "item", "is wrong.")


def test_what_goes_wrong_in_a_check_says_so_and_is_no_pass() -> None:
    graph = artifacts(Made())
    record = graph["first"].make()
    crashed = posted(graph["first"], crashes).judge({"first": record})
    assert crashed.outcome == "cannot tell"
    assert "crashed: ZeroDivisionError" in crashed.summary
    refused = posted(graph["first"], refuses).judge({"first": record})
    assert refused.outcome == "cannot tell"
    assert "TEST_CODE item" in refused.summary


def test_evidence_that_was_damaged_cannot_be_read(tmp_path: Path) -> None:
    graph, store = artifacts(Made()), LocalStore(tmp_path)
    digest = obtain(graph["first"], {}, store).digest
    (file,) = (tmp_path / "objects").rglob(f"{digest}/record.json")
    file.write_bytes(file.read_bytes().replace(b"3", b"4"))
    verdict, known = posted(graph["first"], holds).judge_stored({"first": digest}, store)
    assert (verdict.outcome, known) == ("cannot tell", False)
    assert "cannot be read" in verdict.summary


def test_a_damaged_verdict_is_judged_again_and_half_the_evidence_is_not_kept(
    tmp_path: Path,
) -> None:
    graph, store = artifacts(Made()), LocalStore(tmp_path)
    digests = {"first": obtain(graph["first"], {}, store).digest}
    check = posted(graph["first"], holds)
    assert check.judge_stored({}, store)[1] is False
    assert check.judge_stored({}, store)[1] is False, "nothing was judged, nothing is kept"
    first, _ = check.judge_stored(digests, store)
    kept = next(
        p for p in (tmp_path / "objects").rglob("record.json") if b"it holds" in p.read_bytes()
    )
    kept.write_bytes(b"{}")
    again, known = check.judge_stored(digests, store)
    assert (again, known) == (first, False)
