"""The page answers first, names what is wrong, needs no network and runs nothing from data."""

import base64
import hashlib
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from qa_assets.core.record import Estimate, Record
from qa_assets.core.records.datasets import Quarantined
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.faults import GateSelftest
from qa_assets.core.records.release import QaReport, Release
from qa_assets.core.verdict import Evidence, Verdict
from qa_assets.release.bundle import bundle
from qa_assets.release.report import ReportedVerdict, report
from qa_assets_tests.release import evidence

HOSTILE = "<script>alert(1)</script>\u202egnp.x\x1b[31m\"'&amp;](javascript:x)"


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [v for _, attributes in self.elements if (v := attributes.get(name)) is not None]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(made: QaReport) -> str:
    return made.read("report.html").decode()


def machine(made: QaReport) -> dict[str, object]:
    return json.loads(made.read("report.json"))


def released(records: dict[str, Record], verdicts: list[ReportedVerdict]) -> Release:
    gates = {f"{v.asset}: {v.check}": v.verdict for v in verdicts if v.blocking}
    return bundle("digits", records, gates)


def good() -> QaReport:
    records, verdicts = evidence.records(), evidence.verdicts()
    return report("digits", "For meters.", records, verdicts, released(records, verdicts))


def bad() -> QaReport:
    return report("digits", "For meters.", evidence.records(), evidence.planted(), None)


def test_a_passed_pipeline_may_be_released() -> None:
    made = good()
    assert (made.passed, made.failed, made.undecided) == (8, 0, 0)
    assert made.released
    text = Page(page(made)).text
    assert "May be released All 7 gates passed on the very bytes of release" in text
    assert "What stands against it" not in text
    for words in ("0.957", "3/0117.png", "IMG_TRUNCATED", "ort-cpu", "never made"):
        assert (words in text) is (words != "never made")


def test_a_failed_pipeline_names_its_faults_gates_first() -> None:
    made = bad()
    assert (made.passed, made.failed, made.undecided, made.released) == (4, 3, 1, "")
    text = Page(page(made)).text
    assert "Must not be released 2 of 7 gates failed, 1 of 7 gates cannot tell." in text
    found = re.findall(r'id="finding-\d">\s*<h3>.*?</span> \S+ (\w+)', page(made), re.S)
    assert found == [
        "classes_balanced",
        "accuracy_reached",
        "latency_within_budget",
        "groups_even",
    ]
    for words in ("measured 3.8", "limit 3", "data.class_imbalance", "where: class 8",
                  "interval [0.871, 0.93]", "What to do:", "samples per class",
                  evidence.IDS[0][:12], "answer 5 (0.98)"):  # fmt: skip
        assert words in text


def test_a_failed_gate_shows_the_samples_it_names() -> None:
    shown = [s for s in Page(page(bad())).values("src") if s.startswith("data:image/png")]
    inside = {base64.b64decode(s.partition(",")[2]) for s in shown}
    assert {evidence.PAYLOADS[i] for i in evidence.IDS[:5]} <= inside


@pytest.mark.parametrize(
    ("case", "headline"),
    [
        ("no release", "Not released All 7 gates passed, but no release was made"),
        ("other evidence", "Not released All gates passed, but the release was made from other"),
        ("no gate", "Must not be released No gate was judged."),
        ("failed gate", "Must not be released 2 of 7 gates failed"),
    ],
)
def test_nothing_but_passed_gates_on_these_bytes_says_released(case: str, headline: str) -> None:
    records, verdicts = evidence.records(), evidence.verdicts()
    release: Release | None = released(records, verdicts)
    if case == "no release":
        release = None
    elif case == "other evidence":
        records["evaluation"] = evidence.evaluation(wrong=3)
    elif case == "no gate":
        verdicts = [v for v in verdicts if not v.blocking]
    else:
        verdicts = evidence.planted()
    made = report("digits", "", records, verdicts, release)
    assert headline in Page(page(made)).text
    assert "May be released" not in page(made)
    assert (made.released, machine(made)["may_be_released"]) == ("", False)


def test_the_page_loads_and_runs_nothing() -> None:
    for made in (good(), bad()):
        found = Page(page(made))
        assert not {t for t, _ in found.elements} & {"script", "iframe", "object", "link", "base"}
        assert all(s.startswith("data:image/") for s in found.values("src"))
        assert all(h.startswith("#") for h in found.values("href"))
        names = {n for _, attributes in found.elements for n in attributes}
        assert not [n for n in names if n.startswith("on") or n == "style"]
        assert "url(" not in page(made)


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    html = page(good())
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] or "" for _, a in Page(html).elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_text_from_data_is_shown_harmless() -> None:
    records = evidence.records((HOSTILE, "../../etc/passwd", "NA"))
    quarantined = Quarantined("IMG_X", HOSTILE, HOSTILE, HOSTILE)
    records["dataset_snapshot"] = evidence.snapshot((HOSTILE, "NA"), quarantined=(quarantined,))
    records["edge_benchmark/ort_cpu"] = evidence.benchmark(
        HOSTILE, outcome="CRASH", message=HOSTILE
    )
    verdict = Verdict(
        outcome="fail",
        summary=HOSTILE,
        cause=HOSTILE,
        where={HOSTILE: HOSTILE},
        samples=(HOSTILE, *evidence.IDS),
        evidence={HOSTILE: Evidence((HOSTILE,), ((HOSTILE,),))},
    )
    judged = [ReportedVerdict("dataset_snapshot", HOSTILE, HOSTILE, True, verdict)]
    made = report(HOSTILE, HOSTILE, records, judged, None)
    html, found = page(made), Page(page(made))
    assert "<script" not in html
    assert not any(c in html for c in "\u202e\x1b")
    assert "script" not in {t for t, _ in found.elements}
    assert all(h.startswith("#") for h in found.values("href"))
    assert "<script>alert(1)</script>[U+202E]gnp.x[U+001B][31m" in found.text
    assert "../../etc/passwd" in found.text
    assert machine(made)["pipeline"] == HOSTILE


def test_what_was_never_made_is_said() -> None:
    records: dict[str, Record | None] = dict.fromkeys(evidence.records())
    made = report("digits", "", records, [], None)
    assert Page(page(made)).text.count("never made") == len(records)
    only = records | {"dataset_snapshot": evidence.snapshot()}
    assert "Dataset" in Page(page(report("digits", "", only, [], None))).text


def test_numbers_that_are_none_do_not_break_the_page() -> None:
    verdicts = evidence.verdicts()
    nan = Verdict(outcome="cannot tell", summary="x", measured=float("nan"), limit=float("inf"))
    verdicts[0] = replace(verdicts[0], verdict=nan)
    made = report("digits", "", evidence.records(), verdicts, None)
    assert "cannot tell" in Page(page(made)).text
    assert machine(made)["verdicts"][0]["measured"] == "NaN"  # pyright: ignore


def test_the_machine_reads_the_same() -> None:
    found = machine(bad())
    assert found["schema"] == "qa_assets.report/1"
    verdicts = found["verdicts"]
    assert isinstance(verdicts, list)
    assert [v["kind"] for v in verdicts].count("gate") == 7
    failed = next(v for v in verdicts if v["check"] == "classes_balanced")
    assert (failed["measured"], failed["limit"], failed["cause"]) == (
        3.8,
        3.0,
        "data.class_imbalance",
    )
    assert failed["samples"] == list(evidence.IDS[:5])
    assert found["assets"]["evaluation"]["fields"]["accuracy"]["n"] == 460  # pyright: ignore


def test_the_same_evidence_is_the_same_page() -> None:
    assert good().digest == good().digest


def test_every_table_has_headers_and_every_picture_a_text() -> None:
    for made in (good(), bad()):
        html = page(made)
        assert html.count("<table") == html.count("<thead")
        assert all(a.get("alt") for t, a in Page(html).elements if t == "img")
        levels = [int(t[1]) for t, _ in Page(html).elements if re.fullmatch(r"h\d", t)]
        assert levels[0] == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_the_gate_that_names_the_fault_comes_first() -> None:
    def shut(asset: str, check: str, stage: str, cause: str, **where: str) -> ReportedVerdict:
        verdict = Verdict(outcome="fail", summary=f"{check}!", cause=cause, where=where)
        return ReportedVerdict(asset, check, "It holds.", True, verdict, stage)

    accuracy = shut("evaluation", "accurate", "evaluation", "evaluation.accuracy_low")
    layer = shut("onnx_model", "alike", "export", "export.layer_departs", layer="conv2")
    text = page(report("p", "", evidence.records(), [accuracy, layer], None))
    assert text.index("Most likely <strong>export.layer_departs") < text.index("accurate!")
    assert "layer conv2" in text
    assert text.index("alike!") < text.index("accurate!")
    assert "Most likely" not in page(report("p", "", evidence.records(), [accuracy], None))


def test_the_matrix_of_planted_faults_is_shown() -> None:
    picture = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    tested = GateSelftest(runs=(), clean=(), dead=(), files={"matrix.svg": picture})
    text = page(report("p", "", evidence.records(), evidence.verdicts(), None, tested))
    assert "planted faults" in text
    assert base64.b64encode(picture).decode() in text


def test_what_a_release_manager_looks_for_is_on_the_page() -> None:
    records = {**evidence.records(), **evidence.assured()}
    shown = Page(page(report("digits", "", records, evidence.verdicts(), None)))
    sections = {"probe", "training", "evaluation", "released", "behavior", "cases"}
    assert sections <= set(shown.values("id"))
    assert {f"#{name}" for name in sections} <= set(shown.values("href"))
    for words in (
        "layer own is not finite , augment",  # a part with its fault
        "-0.002 [-0.010, +0.006] in accuracy",
        "now <b>8 (0.90)",  # a flipped sample, its words harmless
        "class 3 45 1.000 0.900 -0.100",
        "jpeg 1 0.980",
        "fog 0.90 0.80 0.70 0.60 0.50 0.70 0.90",  # the mean, and the release's
        "3_thin.png critical 3 8 0.61 faint ink",
        "torn.png critical refused 8 0.50 cut off",
        "blank.png 8 0.95",
    ):
        assert words in shown.text, words
    assert "3_clean.png" not in shown.text, "what is as it should be is only counted"


def test_without_those_records_the_page_is_whole() -> None:
    shown = Page(page(report("digits", "", evidence.records(), evidence.verdicts(), None)))
    assert {"probe", "released", "behavior", "cases"}.isdisjoint(shown.values("id"))


def test_each_stage_of_complexity_is_shown_with_its_gain() -> None:
    records = evidence.records()
    measured = records["evaluation"]
    assert isinstance(measured, Evaluation)
    steps = {
        "small network over linear": Estimate(0.01, -0.01, 0.03, 450),
        "the model over small network": Estimate(0.05, 0.03, 0.07, 450),
    }
    area = dict.fromkeys(measured.classes, Estimate(0.99, 0.98, 1.0, 450))
    records["evaluation"] = replace(measured, steps=steps, auroc=area, average_precision=area)
    text = Page(page(report("digits", "", records, evidence.verdicts(), None))).text
    assert "small network over linear +0.010 [-0.010, +0.030] not shown" in text
    assert "the model over small network +0.050 [+0.030, +0.070] earned" in text
    assert "0.990 [0.980, 1.000]" in text
