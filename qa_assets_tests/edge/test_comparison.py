"""Faults planted between export and target are caught, and named by cause, stage and layer."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.checks.comparison import edge_keeps_precision, edge_stages_agree
from qa_assets.core.records.edge import PIXELS, EdgeComparison
from qa_assets.core.verdict import Verdict
from qa_assets.edge.benchmark import benchmark_on
from qa_assets.edge.comparison import compare_on
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find
from qa_assets.export.settings import QuantisationSettings
from qa_assets.export.variants import make_variant
from qa_assets_tests.edge.faults import ALSO, PLANTED, SPEC, Planted, clean, samples_of

QUICK = EdgeSettings(
    calls=4, warm_up=1, batches=(4,), batch_seconds=0.001, least_seconds=0.001, leak_calls=1
)
WARNED = ("bf16",)
"""Faults that change no answer: a monitor names them."""


def compared(
    device: EdgeTarget,
    scratch: Path,
    planted: Planted | None = None,
    settings: EdgeSettings = QUICK,
) -> EdgeComparison:
    model = planted.model() if planted else clean()[0]
    measured = benchmark_on(
        device, model, clean()[1], SPEC, settings=settings, scratch=scratch, name="x"
    )
    return compare_on(device, model, measured, SPEC, settings=settings, scratch=scratch)


def judged(planted: Planted, scratch: Path) -> Verdict:
    found = compared(planted.device(), scratch, planted)
    return edge_keeps_precision(found) if planted.name in WARNED else edge_stages_agree(found)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [*PLANTED, *ALSO], ids=lambda p: p.name)
def test_a_planted_fault_is_named(planted: Planted, tmp_path: Path) -> None:
    verdict = judged(planted, tmp_path)
    assert verdict.outcome == "fail", verdict.summary
    assert (verdict.cause, verdict.where["stage"]) == (planted.cause, planted.stage)
    assert verdict.where.get("layer", "").startswith(planted.layer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["float", "static", "int8", "fp16"])
def test_without_a_fault_nothing_is_named(variant: str, tmp_path: Path) -> None:
    found = compared(EdgeTarget(variant=variant), tmp_path)  # type: ignore[arg-type]
    assert (found.faults, found.findings, found.flips) == ((), (), 0)
    assert edge_stages_agree(found).passed
    assert edge_keeps_precision(found).passed
    assert PIXELS not in found.files


def test_a_picture_shows_which_pixels(tmp_path: Path) -> None:
    found = compared(PLANTED[0].device(), tmp_path)
    assert found.files[PIXELS][:4] == b"\x89PNG"  # type: ignore[index]
    assert "decode error" in found.metadata()


def test_reduced_precision_alone_changes_no_answer(tmp_path: Path) -> None:
    planted = next(p for p in PLANTED if p.name == "bf16")
    assert edge_stages_agree(compared(planted.device(), tmp_path)).passed


@pytest.mark.slow
def test_a_runtime_that_computes_in_bfloat16_by_itself_is_named(tmp_path: Path) -> None:
    if importlib.util.find_spec("openvino") is None:
        pytest.skip("needs openvino")
    found = compared(find("openvino-default"), tmp_path)
    if found.runtime_error <= QUICK.trace_from:
        pytest.skip("this processor has no bfloat16")
    assert edge_keeps_precision(found).cause == "edge.reduced_precision"
    exact = compared(find("openvino"), tmp_path)
    assert edge_keeps_precision(exact).passed


@pytest.mark.slow
def test_weights_in_full_range_overflow_on_a_processor_without_vnni(tmp_path: Path) -> None:
    from qa_assets_tests.edge.targets.test_contract import available

    available("x86-64-v3")
    device = find("x86-64-v3")
    careful = compared(device, tmp_path)
    assert edge_stages_agree(careful).passed, careful
    model, payloads = clean()
    body = make_variant(
        "int8", model.read("model.onnx"), samples_of(120), QuantisationSettings(reduce_range=False)
    )
    files = {**model.files, "model.int8.onnx": body}
    bold = replace(model, files=files)
    measured = benchmark_on(
        device, bold, payloads, SPEC, settings=QUICK, scratch=tmp_path, name="x86-64-v3"
    )
    found = compare_on(device, bold, measured, SPEC, settings=QUICK, scratch=tmp_path)
    verdict = edge_stages_agree(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "edge.int8_overflow"), found
    assert verdict.where["layer"].startswith("Conv")


def test_a_target_that_gave_nothing_cannot_be_judged(tmp_path: Path) -> None:
    found = compared(EdgeTarget(interpreter=("no-such-interpreter",)), tmp_path)
    assert found.outcome == "NO-RESULT"
    assert edge_stages_agree(found).outcome == "cannot tell"
    assert edge_keeps_precision(found).outcome == "cannot tell"


@pytest.mark.parametrize("variant", ["float", "int8", "fp16"])
@pytest.mark.parametrize("kept", [0.0, 0.4, 0.97])
def test_a_file_that_was_damaged_on_its_way_is_named(
    variant: str, kept: float, tmp_path: Path
) -> None:
    def cut(body: bytes) -> bytes:
        return body[: int(kept * len(body))]

    found = compared(EdgeTarget(variant=variant, convert=cut), tmp_path)  # type: ignore[arg-type]
    verdict = edge_stages_agree(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "edge.file_damaged"), found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_are_a_result_and_no_exception(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)

    def flip(body: bytes) -> bytes:
        changed = np.frombuffer(body, np.uint8).copy()
        changed[rng.integers(0, len(changed), 4)] ^= np.uint8(1) << rng.integers(0, 8, 4, np.uint8)
        return changed.tobytes()

    variant = ("float", "int8", "fp16")[seed % 3]
    harmed = flip(clean()[0].variant_body(variant))
    device = EdgeTarget(variant=variant, convert=lambda _: harmed)  # type: ignore[arg-type]
    assert edge_stages_agree(compared(device, tmp_path)).outcome in ("pass", "fail", "cannot tell")
