"""What the report counts, in which order it shows it, and what a machine reads of it."""

import pytest

from qa_assets.core.verdict import NOT_REACHED, Verdict
from qa_assets.release.advice import advice
from qa_assets.release.report import ReportedVerdict, report
from qa_assets_tests.release import evidence
from qa_assets_tests.release.test_report import Page, bad, good, machine, page

FAIL = Verdict(outcome="fail", summary="it fails", cause="data.dark")
OPEN = Verdict(outcome="cannot tell", summary="nobody knows", cause="evidence.missing")
UNREACHED = Verdict(outcome="cannot tell", summary="not reached", cause=NOT_REACHED)
PASS = Verdict(outcome="pass", summary="it holds")


def judged(check: str, verdict: Verdict, *, gate: bool = True, asset: str = "evaluation",
           stage: str = "") -> ReportedVerdict:  # fmt: skip
    text = f"\n{check} is so.\n\nArgs:\n    of: It."
    return ReportedVerdict(asset, check, text, gate, verdict, stage)


def shown(*verdicts: ReportedVerdict) -> str:
    made = report("p", "", evidence.records(), verdicts, None)
    return page(made)


@pytest.mark.parametrize(
    ("verdicts", "said", "sign"),
    [
        ([FAIL, OPEN, UNREACHED, UNREACHED, PASS],
         "1 of 5 gates failed, 1 of 5 gates cannot tell, 2 of 5 gates were not reached.", "✗"),
        ([OPEN, UNREACHED], "1 of 2 gates cannot tell, 1 of 2 gates were not reached.", "?"),
        ([UNREACHED, PASS], "1 of 2 gates were not reached.", "?"),
        ([], "No gate was judged.", "?"),
        ([PASS], "All 1 gates passed, but no release was made of it.", "?"),
    ],
)  # fmt: skip
def test_each_gate_is_counted_once(verdicts: list[Verdict], said: str, sign: str) -> None:
    found = Page(shown(*(judged(f"c{i}", v) for i, v in enumerate(verdicts))))
    answer = found.text.partition(" To the answer ")[2].partition("Gates and monitors,")[0]
    assert f"{said} " in answer
    assert f" {sign} " in answer


def test_gates_that_were_not_reached_are_listed_apart_and_tell_nothing() -> None:
    html = shown(judged("dark", FAIL), judged("later", UNREACHED), judged("fine", PASS),
                 judged("warns", UNREACHED, gate=False))  # fmt: skip
    assert html.count('class="paper block') == 2, "one finding, and the list of the unreached"
    apart = html.partition("1 gates were not reached")[2].partition("</p>")[0]
    assert "evaluation: later" in apart
    assert not any(name in apart for name in ("dark", "fine", "warns"))


def test_the_order_is_that_of_the_graph_gates_before_monitors() -> None:
    verdicts = [
        judged("far", PASS, asset="not in the graph"),
        judged("model", PASS, asset="onnx_model"),
        judged("warned", PASS, gate=False, asset="dataset_snapshot"),
        judged("first", PASS, asset="dataset_snapshot"),
        judged("second", PASS, asset="dataset_snapshot"),
    ]
    made = report("p", "", evidence.records(), verdicts, None)
    assert [v["check"] for v in machine(made)["verdicts"]] == [  # pyright: ignore
        "first", "second", "warned", "model", "far",
    ]  # fmt: skip


def test_findings_are_named_failed_open_then_monitors() -> None:
    html = shown(
        judged("warns", FAIL, gate=False),
        judged("open", Verdict(outcome="cannot tell", summary="nobody knows")),
        judged("symptom", Verdict(outcome="fail", summary="s", cause="evaluation.accuracy_low")),
        judged("cause", FAIL, asset="onnx_model", stage="export"),
    )
    places = [html.index(f"evaluation: {name} <") for name in ("symptom", "open", "warns")]
    assert html.index("onnx_model: cause <") < places[0]
    assert places == sorted(places)
    assert "Most likely <strong>data.dark</strong>" in html


def test_a_monitor_alone_names_no_fault() -> None:
    html = shown(judged("one", FAIL, gate=False), judged("two", FAIL, gate=False))
    assert "Most likely" not in html
    assert html.count("monitor: warns only") == 2


def test_a_finding_says_what_would_be_right_and_what_to_do() -> None:
    text = Page(shown(judged("dark", FAIL))).text
    assert "Right would be: dark is so. " in text
    assert f"What to do: {advice(FAIL)}" in text
    assert "Args: of: It." in text, "all of what the check says is there to be read"


def test_the_agreement_of_a_target_stands_beside_its_times() -> None:
    agrees = judged("edge_stages_agree", FAIL, asset="edge_comparison/ort_cpu")
    other = judged("another_check", FAIL, asset="edge_comparison/ort_cpu")
    assert "departs</span>" in shown(agrees)
    assert "departs</span>" not in shown(other)


def test_a_machine_reads_each_verdict_whole() -> None:
    found, made = machine(bad()), evidence.planted()
    first = next(v for v in found["verdicts"] if v["check"] == "groups_even")  # pyright: ignore
    assert first == {
        "asset": "evaluation", "check": "groups_even", "kind": "monitor",
        "statement": "No group is far behind.", "advice": advice(made[5].verdict),
        "outcome": "fail", "summary": "spread is 0.09", "measured": 0.09, "limit": 0.05,
        "interval": None, "cause": "evaluation.group_behind", "where": {}, "samples": [],
        "evidence": {},
    }  # fmt: skip


def test_a_machine_reads_whether_it_may_be_released_and_of_what() -> None:
    made = good()
    found, records = machine(made), evidence.records()
    assert found.keys() == {
        "schema", "pipeline", "may_be_released", "answer", "released", "verdicts", "assets",
    }  # fmt: skip
    assert (found["may_be_released"], found["released"]) == (True, made.released)
    assert str(found["answer"]).startswith("May be released: All 7 gates passed on the very bytes")
    assets = found["assets"]
    assert isinstance(assets, dict)
    assert {n: a["digest"] for n, a in assets.items()} == {n: r.digest for n, r in records.items()}
    refused = machine(bad())
    assert (refused["may_be_released"], refused["released"]) == (False, "")
    assert str(refused["answer"]).startswith("Must not be released: 2 of 7 gates failed")
