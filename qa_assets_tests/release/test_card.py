"""The card of a release, line by line: what it is, how good, what was judged, where from."""

from dataclasses import replace

from qa_assets.core.record import Estimate, escape
from qa_assets.core.records.datasets import DatasetSnapshot, Quarantined
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.verdict import Verdict
from qa_assets.release.card import release_card

VERSION = "0123456789abcdef" * 4
RECORDS = {
    "dataset_snapshot": DatasetSnapshot(
        name="marks", version="v7", samples=40, classes=("a", "b", "c"),
        quarantined=(Quarantined("IMG_EMPTY", "x.png", "is empty."),),
    ),
    "trained_weights": TrainedWeights(
        weights_digest="w9", parameters=1234, initial_loss=1.0, history=(), moved={}, settings={},
        environment={},
    ),
    "onnx_model": OnnxModel(
        sha256="f5", size=4321, opset=18, ir_version=8, operators={}, inputs={}, outputs={},
        properties={}, weights_digest="w9",
    ),
    "evaluation": Evaluation(
        classes=("a",), accuracy=Estimate(0.9, 0.85, 0.93, 40, 0.9), per_class=(), confusion=(),
        gains={},
    ),
    "edge_benchmark/pi": EdgeBenchmark(
        target="pi", outcome="OK", model_sha256="f5", latency_ms={"p50": 1.5, "p99": 3.5},
        throughput=99.0, load_ms=7.0, peak_rss_mib=60.0, size=4321,
    ),
}  # fmt: skip
VERDICTS = {
    "b: holds": Verdict(outcome="pass", summary="it holds"),
    "a: small": Verdict(outcome="pass", summary="it is small", measured=0.0, limit=0.0),
}


def lines() -> list[str]:
    return release_card("digits", VERSION, RECORDS, VERDICTS).splitlines()


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def rows(title: str) -> list[list[str]]:
    """The cells of the tables under a heading."""
    text = "\n".join(lines()).partition(f"## {title}")[2].partition("\n## ")[0]
    return [cells(line) for line in text.splitlines() if line.startswith("|")]


def test_it_begins_with_the_name_and_the_short_version() -> None:
    assert lines()[0] == "# digits 0123456789ab"


def test_what_it_is() -> None:
    found = {row[0]: row[1] for row in rows("What it is")[2:]}
    assert found == {
        "dataset": "marks", "data version": "v7", "data": "40 samples, 3 classes, 1 set aside",
        "weights": "w9", "parameters": "1234", "model.onnx": "f5",
        "model file": "4321 bytes, opset 18, IR 8",
    }  # fmt: skip


def test_how_good_it_is() -> None:
    card = "\n".join(lines())
    assert "Accuracy on the test split: **" in card
    assert "interval at 90%." in card
    head, _, pi = rows("How good it is")
    assert head == ["target", "p50 ms", "p90 ms", "p99 ms", "samples/s", "load ms", "RSS MiB"]
    assert [pi[0], float(pi[1]), pi[2], float(pi[3])] == ["pi", 1.5, "", 3.5]
    assert [float(cell) for cell in pi[4:]] == [99.0, 7.0, 60.0]
    slow = replace(RECORDS["edge_benchmark/pi"], latency_ms={"p90": 2.5})  # pyright: ignore
    card = release_card("digits", VERSION, {"edge_benchmark/pi": slow}, VERDICTS)
    (row,) = [cells(line) for line in card.splitlines() if line.startswith("| pi ")]
    assert [row[1], float(row[2]), row[3]] == ["", 2.5, ""]


def test_every_gate_in_order_with_what_was_seen() -> None:
    head, _, first, second = rows("Gates")
    assert head == ["gate", "outcome", "measured", "limit", "what was seen"]
    assert [first[0], first[1], float(first[2]), float(first[3]), first[4]] == [
        "a: small", "pass", 0.0, 0.0, "it is small",
    ]  # fmt: skip
    assert second == ["b: holds", "pass", "", "", "it holds"]
    assert "All 2 passed on these bytes." in lines()


def test_where_it_is_from() -> None:
    head, _, *found = rows("Provenance")
    assert head == ["evidence", "digest"]
    assert found == [[escape(name), RECORDS[name].digest] for name in sorted(RECORDS)]
    assert f"Release version {VERSION}" in lines()
    many = {f"asset{i:03}": RECORDS["evaluation"] for i in range(90)}
    card = release_card("digits", VERSION, many, VERDICTS)
    assert "asset089" in card.partition("## Provenance")[2]
