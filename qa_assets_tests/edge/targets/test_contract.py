"""What every target keeps, run for each of them; one that needs what is not here is skipped."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.tables import read_array, read_table
from qa_assets.edge.benchmark import benchmark
from qa_assets.edge.comparison import compare
from qa_assets.edge.settings import EdgeSettings, OperatorProfile
from qa_assets.edge.target import TARGETS, find
from qa_assets_tests.export.networks import SPEC, some_samples, with_variants

PAYLOADS = some_samples()[1]
QUICK = EdgeSettings(
    calls=700, warm_up=2, batches=(4,), batch_seconds=0.01, least_seconds=0.01, leak_calls=48
)
MODULES = {"opencv-python-headless": "cv2"}
LOSSY = {"openvino-default": 0.03}
"""Targets that do not compute in full precision, and how near they are."""


def available(target: str) -> None:
    """Skip where the target cannot be had here."""
    device = find(target, QUICK)
    for package in device.needs:
        if importlib.util.find_spec(MODULES.get(package, package)) is None:
            pytest.skip(f"{target} needs {package}")
    try:
        assert device.command
    except EnvironmentFault as fault:
        pytest.skip(f"{target} cannot be had here: {fault}")


@pytest.mark.slow
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_obeys_the_contract_of_the_seam(target: str, tmp_path: Path) -> None:
    available(target)
    model, device = with_variants(), find(target)
    found = benchmark(target, model, PAYLOADS, SPEC, QUICK, tmp_path)
    assert (found.outcome, found.message) == ("OK", "")
    assert found.variant == device.variant
    assert found.model_sha256 == model.variant_sha256(device.variant)
    assert tuple(read_table(found, SAMPLES)["id"]) == tuple(sorted(PAYLOADS))
    right = read_array(model, model.variant_logits(device.variant))
    near = LOSSY.get(target, 1e-4) * float(np.ptp(right))
    np.testing.assert_allclose(read_array(found, LOGITS), right, atol=near)
    assert {"processor", "cores", "system", "runtime", "decoder"} <= found.machine.keys()
    if device.emulated:
        assert found.latency_ms == {}
    else:
        assert list(found.latency_ms) == ["p50", "p90", "p99"]
        assert 0 < found.latency_ms["p50"] <= found.latency_ms["p90"] <= found.latency_ms["p99"]
        assert min(found.throughput, found.load_ms, found.first_ms, found.peak_rss_mib) > 0
        assert min(found.decode_ms, found.cpu_ms, found.cpu_share) > 0
    compared = compare(target, model, found, SPEC, QUICK, tmp_path)
    assert compared.stages[0].stage == "decode"
    assert compared.flips == 0
    assert compared.runtime_error <= LOSSY.get(target, 1e-4)
    assert compared.faults == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_survives_a_damaged_file(target: str, tmp_path: Path) -> None:
    available(target)
    model = with_variants()
    name = "model.onnx" if find(target).variant == "float" else f"model.{find(target).variant}.onnx"
    damaged = replace(model, files={**model.files, name: b"\x08\x08garbage"})
    refused = benchmark(target, damaged, PAYLOADS, SPEC, QUICK, tmp_path)
    assert refused.outcome in {"REFUSED", "CRASH"}
    assert refused.message


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.20.1", "1.15.1"])
def test_another_onnxruntime_runs_in_its_own_environment(version: str, tmp_path: Path) -> None:
    available(f"ort@{version}")
    found = benchmark(f"ort@{version}", with_variants(), PAYLOADS, SPEC, QUICK, tmp_path)
    assert found.outcome == "OK", found.message
    assert found.machine["runtime"] == f"onnxruntime {version}"


def test_a_version_that_is_none_is_a_result(tmp_path: Path) -> None:
    found = benchmark("ort@1;rm", with_variants(), PAYLOADS, SPEC, QUICK, tmp_path)
    assert found.outcome == "NO-RESULT"
    assert "is no version" in found.message


FREE = OperatorProfile(
    operators=(
        "Cast", "Div", "Sub", "Transpose", "Conv", "Relu", "MaxPool", "Reshape", "Gemm", "Softmax",
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (FREE, ""),
        (FREE.model_copy(update={"operators": FREE.operators[:-1]}), "operator Softmax"),
        (FREE.model_copy(update={"max_opset": 17}), "opset 18 is above 17"),
        (FREE.model_copy(update={"dtypes": ("int8", "uint8")}), "is float32"),
        (FREE.model_copy(update={"max_rank": 3}), "pixels has 4 dimensions"),
        (FREE.model_copy(update={"static_shapes": True}), "pixels has a dynamic shape"),
        (FREE.model_copy(update={"static_shapes": True, "variant": "static"}), ""),
    ],
)
def test_a_profile_refuses_what_its_accelerator_cannot_take(
    profile: OperatorProfile, said: str, tmp_path: Path
) -> None:
    settings = QUICK.model_copy(update={"profiles": {"npu": profile}})
    found = benchmark("op-profile@npu", with_variants(), PAYLOADS, SPEC, settings, tmp_path)
    assert found.outcome == ("REFUSED" if said else "OK"), found.message
    assert said in found.message


@pytest.mark.parametrize("name", ["op-profile@npu", "ssh@pi", "ort-gpu"])
def test_what_is_not_declared_is_refused(name: str) -> None:
    with pytest.raises(InputRefused, match="CONF_UNKNOWN"):
        find(name, QUICK)
