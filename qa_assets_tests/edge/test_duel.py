"""Two models in turns, and memory over calls: found where it is planted, silent where not."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import theilslopes

from qa_assets.core.intervals import bootstrap_median, theil_sen
from qa_assets.core.records.comparison import ReleaseBaseline
from qa_assets.edge.benchmark import benchmark_on, leak
from qa_assets.edge.duel import duel, duel_with_release
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget
from qa_assets_tests.export.networks import SPEC, some_samples, with_variants

PAYLOADS = some_samples()[1]
QUICK = EdgeSettings(duel_blocks=12, duel_block_seconds=0.005)


class Sleeps:
    """Takes as long as its file is: the last byte says how many milliseconds."""

    def __init__(self, model: str, options: dict) -> None:
        from pathlib import Path

        self.version, self._ms = "fake", Path(model).read_bytes()[-1]

    def infer(self, pixels: object) -> object:
        import time

        import numpy as np

        time.sleep(self._ms / 1000)
        return np.zeros((len(pixels), 5), np.float32)


class Leaks:
    """Keeps 16 KiB of every call."""

    def __init__(self, model: str, options: dict) -> None:
        self.version, self._kept = "fake", []

    def infer(self, pixels: object) -> object:
        import numpy as np

        self._kept.append(b"\x01" * 16384)
        return np.zeros((len(pixels), 5), np.float32)


def against(model: bytes, rival: bytes, scratch: Path) -> float:
    found = duel(
        EdgeTarget(open=Sleeps), model, rival, PAYLOADS, SPEC,
        settings=QUICK, scratch=scratch, name="fake",
    )  # fmt: skip
    assert found.outcome == "OK", found.message
    assert found.ratio.low <= found.ratio.value <= found.ratio.high
    return found.ratio.value


def test_a_model_twice_as_slow_is_twice_as_slow(tmp_path: Path) -> None:
    assert against(b"\x04", b"\x02", tmp_path) == pytest.approx(2, rel=0.3)
    assert against(b"\x02", b"\x02", tmp_path) == pytest.approx(1, rel=0.3)


def test_without_a_release_there_is_a_reason(tmp_path: Path) -> None:
    def ask(target: str, first: str) -> object:
        baseline = ReleaseBaseline(first_release=first)  # type: ignore[arg-type]
        return duel_with_release(
            target, with_variants(), baseline, None, SPEC, settings=QUICK, scratch=tmp_path
        )

    assert "no earlier release" in ask("ort-cpu", "absolute").excused  # type: ignore[attr-defined]
    assert "emulated" in ask("onnx-reference", "absolute").excused  # type: ignore[attr-defined]


def test_a_leak_is_a_slope_and_a_growth(tmp_path: Path) -> None:
    settings = EdgeSettings(
        calls=4, warm_up=1, batches=(4,), batch_seconds=0.001, least_seconds=0.001, leak_calls=1200
    )

    def slope(device: EdgeTarget) -> tuple[float, float]:
        found = benchmark_on(
            device, with_variants(), PAYLOADS, SPEC,
            settings=settings, scratch=tmp_path, name="fake",
        )  # fmt: skip
        assert found.outcome == "OK", found.message
        return found.rss_growth_mib, found.rss_slope_kib

    growth, per_call = slope(EdgeTarget(open=Leaks))
    assert growth > 8
    assert per_call == pytest.approx(16, rel=0.2)
    assert slope(EdgeTarget())[0] < 2


def test_too_few_points_are_no_slope() -> None:
    assert all(map(math.isnan, leak((1.0,) * 7, 480)))
    assert leak((5.0,) * 24, 480) == (0.0, 0.0)


def test_the_robust_slope_is_scipys() -> None:
    values = np.random.default_rng(3).normal(size=40).cumsum()
    assert theil_sen(values) == pytest.approx(theilslopes(values)[0])


def test_the_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        found = bootstrap_median(rng.normal(size=30), resamples=400)
        covered += found.low <= 0 <= found.high
    assert 180 <= covered <= 200
    assert bootstrap_median(np.ones(5)).high == 1.0
