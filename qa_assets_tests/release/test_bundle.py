"""A release exists only when every gate passed on the bytes in it."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from qa_assets.core.digests import digest_bytes, digest_json
from qa_assets.core.errors import GateFailed
from qa_assets.core.record import Record
from qa_assets.core.records.behavior import EdgeCases
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.release import Release
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.store import LocalStore
from qa_assets.core.verdict import Verdict, cannot_tell
from qa_assets.release.bundle import bundle
from qa_assets_tests.release import evidence


def gates() -> dict[str, Verdict]:
    return {f"{v.asset}: {v.check}": v.verdict for v in evidence.verdicts() if v.blocking}


def refusal(records: dict[str, Record], verdicts: dict[str, Verdict]) -> list[tuple[str, str]]:
    with pytest.raises(GateFailed) as failed:
        bundle("digits", records, verdicts)
    return [(p.code, p.item) for p in failed.value.problems]


def test_a_release_holds_what_its_record_promises() -> None:
    records = evidence.records()
    release = bundle("digits", records, gates())
    assert set(release.files) == {
        "model.onnx",
        "weights.safetensors",
        "model.py",
        "settings.json",
        "verdicts.json",
        "RELEASE.md",
        *(f"evidence/{name}.json" for name in records),
    }
    assert release.evidence == {name: record.digest for name, record in records.items()}
    assert release.version == digest_json(dict(release.evidence))
    assert release.read("model.onnx") == evidence.MODEL
    judged = json.loads(release.read("verdicts.json"))
    assert judged.keys() == gates().keys() == set(release.gates)
    assert judged["evaluation: accuracy_reached"]["interval"] == [0.938, 0.971]
    settings = json.loads(release.read("settings.json"))
    weights, model = records["trained_weights"], records["onnx_model"]
    assert isinstance(weights, TrainedWeights)
    assert isinstance(model, OnnxModel)
    assert settings == {
        "training": dict(weights.settings),
        "environment": dict(weights.environment),
        "model": dict(model.properties),
    }


def test_equal_evidence_is_the_same_release_in_any_order() -> None:
    records, verdicts = evidence.records(), gates()
    release = bundle("digits", records, verdicts)
    turned = bundle(
        "digits", dict(reversed(records.items())), dict(reversed(list(verdicts.items())))
    )
    assert turned.version == release.version
    assert json.loads(turned.read("verdicts.json")) == json.loads(release.read("verdicts.json"))
    assert turned.digest == release.digest


def test_a_gate_that_did_not_pass_keeps_it_shut_and_says_why() -> None:
    verdicts = gates() | {
        "evaluation: accuracy_reached": Verdict(
            outcome="fail",
            summary="accuracy is too low",
            measured=0.8512,
            limit=0.9,
            interval=(0.81, 0.88),
            cause="evaluation.accuracy_low",
        ),
        "onnx_model: answers_agree": cannot_tell("no baseline"),
    }
    with pytest.raises(GateFailed) as failed:
        bundle("digits", evidence.records(), verdicts)
    low, unknown = failed.value.problems
    assert (low.code, low.item) == ("GATE_FAILED", "evaluation: accuracy_reached")
    assert low.message == (
        "accuracy is too low; measured 0.8512, limit 0.9; interval [0.81, 0.88]; "
        "cause evaluation.accuracy_low."
    )
    assert (low.remedy, unknown.remedy) == ("", "Supply the evidence.")
    assert (unknown.code, unknown.item) == ("GATE_CANNOT_TELL", "onnx_model: answers_agree")
    assert unknown.message == "no baseline."
    half = Verdict(outcome="fail", summary="it fell", measured=0.5)
    assert refused_message(half) == "it fell."
    assert refused_message(replace(half, limit=0.25)) == "it fell; measured 0.5, limit 0.25."


def refused_message(verdict: Verdict) -> str:
    with pytest.raises(GateFailed) as failed:
        bundle("digits", evidence.records(), {"a: b": verdict})
    (problem,) = failed.value.problems
    return problem.message


def test_without_a_gate_there_is_no_release() -> None:
    assert refusal(evidence.records(), {}) == [("GATE_NONE", "release")]


@pytest.mark.parametrize("absent", ["trained_weights", "onnx_model"])
def test_without_the_artifact_there_is_no_release(absent: str) -> None:
    records = evidence.records()
    del records[absent]
    assert refusal(records, gates()) == [("GATE_EVIDENCE_MISSING", absent)]


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("onnx_model", evidence.onnx(weights_digest="0" * 64)),
        ("onnx_model", evidence.onnx(sha256="0" * 64)),
        ("edge_benchmark/ort_cpu", evidence.benchmark("ort-cpu", model_sha256="0" * 64)),
        ("edge_cases", EdgeCases(model_sha256="0" * 64, labels=("a",))),
    ],
)
def test_evidence_of_other_bytes_is_refused(name: str, record: Record) -> None:
    records = evidence.records() | {name: record}
    assert refusal(records, gates()) == [("GATE_EVIDENCE_MIXED", name)]


def test_hand_made_cases_of_the_very_model_are_part_of_the_release() -> None:
    cases = EdgeCases(model_sha256=digest_bytes(evidence.MODEL), labels=("a",))
    release = bundle("digits", evidence.records() | {"edge_cases": cases}, gates())
    assert release.evidence["edge_cases"] == cases.digest


def test_a_model_file_that_was_swapped_is_refused() -> None:
    records = evidence.records()
    records["onnx_model"] = replace(records["onnx_model"], files={"model.onnx": b"swapped"})
    codes = {code for code, _ in refusal(records, gates())}
    assert codes == {"GATE_EVIDENCE_MIXED"}


def published(store: LocalStore) -> Path:
    return store.get(store.put(bundle("digits", evidence.records(), gates()).content()))


def test_the_card_tells_how_good_it_is_and_how_to_verify_it(tmp_path: Path) -> None:
    folder = published(LocalStore(tmp_path))
    card = (folder / "RELEASE.md").read_text()
    for words in (r"0.9565 \[0.9338, 0.9717\]", "ort-cpu", "1797 samples", "accuracy"):
        assert words in card
    command = re.search(r"```sh\n(.*?)```", card, re.S)
    assert command
    verify = ["sh", "-c", command[1]]
    good = subprocess.run(verify, cwd=folder, capture_output=True, text=True)
    assert (good.returncode, good.stdout) == (0, "as published\n")
    (folder / "model.onnx").write_bytes(b"other")
    (folder / "extra").write_bytes(b"")
    bad = subprocess.run(verify, cwd=folder, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (1, "not as published: extra, model.onnx\n")


def test_the_digest_on_the_card_is_the_one_the_store_uses(tmp_path: Path) -> None:
    folder = published(LocalStore(tmp_path))
    manifest = (folder / "MANIFEST.json").read_bytes()
    assert digest_bytes(manifest[:-1]) == folder.name
    assert Release.load(folder).digest == folder.name


def test_names_from_data_cannot_break_the_card() -> None:
    records = evidence.records(("<script>", "a|b\n# c"))
    records["dataset_snapshot"] = evidence.snapshot(name="<img src=x>\n# big")
    card = bundle("digits", records, gates()).read("RELEASE.md").decode()
    assert "<img" not in card
    assert "\n# big" not in card
