import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import MODEL
from qa_assets.core.tables import read_array
from qa_assets.edge.benchmark import NEEDED_CALLS, benchmark, benchmark_on, percentiles
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget, find
from qa_assets_tests.export.networks import SPEC, png, some_samples, tiny_onnx

QUICK = EdgeSettings(
    calls=80, warm_up=2, batches=(4,), batch_seconds=0.01, least_seconds=0.01, timeout_s=60.0
)
PAYLOADS = some_samples()[1]


class Constant:
    """A fake runtime: always the first class."""

    def __init__(self, model: str, options: dict) -> None:
        self.version = f"fake {options['threads']}"

    def infer(self, pixels: object) -> object:
        import numpy as np

        return np.eye(1, 5, dtype=np.float32).repeat(len(pixels), axis=0)


def refuses(model: str, options: dict) -> object:
    raise NotImplementedError("operator Conv is not supported here")


def aborts(model: str, options: dict) -> object:
    import os

    os.abort()


def hangs(model: str, options: dict) -> object:
    import os
    import time
    from pathlib import Path

    Path("opened").write_text(str(os.getpid()))
    time.sleep(1000)


def vanishes(model: str, options: dict) -> object:
    import os

    os._exit(0)


def eats_memory(model: str, options: dict) -> object:
    return bytearray(2 << 30)


def fills_the_disk(model: str, options: dict) -> object:
    from pathlib import Path

    Path("large").write_bytes(bytes(2 << 20))


def chatters(model: str, options: dict) -> object:
    import os

    os.write(1, b'{"outcome": "OK"}\n')
    raise ValueError("after printing to the standard output")


class Waits:
    """Sleeps instead of computing, as one does who gets no processor time."""

    def __init__(self, model: str, options: dict) -> None:
        self.version = "fake"

    def infer(self, pixels: object) -> object:
        import time

        import numpy as np

        time.sleep(0.001)
        return np.zeros((len(pixels), 5), np.float32)


def leaves_a_child(model: str, options: dict) -> object:
    import subprocess
    import sys

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    raise ValueError(f"child {child.pid}")


class TooFew:
    """Answers half of what it was asked."""

    def __init__(self, model: str, options: dict) -> None:
        self.version = "fake"

    def infer(self, pixels: object) -> object:
        import numpy as np

        return np.zeros((max(1, len(pixels) // 2), 5), np.float32)


SAYS_TOO_MUCH = (sys.executable, "-c", 'print(\'{"outcome": "OK", "samples": "many"}\')')
FAKES = {
    "refuses": EdgeTarget(open=refuses),
    "aborts": EdgeTarget(open=aborts),
    "vanishes": EdgeTarget(open=vanishes),
    "eats-memory": EdgeTarget(open=eats_memory),
    "fills-the-disk": EdgeTarget(open=fills_the_disk),
    "chatters": EdgeTarget(open=chatters),
    "too-few": EdgeTarget(open=TooFew),
    "absent": EdgeTarget(interpreter=("no-such-interpreter",)),
    "silent": EdgeTarget(interpreter=(sys.executable, "-c", "pass")),
    "fails": EdgeTarget(interpreter=(sys.executable, "-c", "import sys; sys.exit('no device')")),
    "lies": EdgeTarget(interpreter=(sys.executable, "-c", 'print(\'{"outcome": "FINE"}\')')),
    "says-too-much": EdgeTarget(interpreter=SAYS_TOO_MUCH),
    "no-arrays": EdgeTarget(interpreter=(sys.executable, "-c", 'print(\'{"outcome": "OK"}\')')),
}


def run(
    device: EdgeTarget,
    scratch: Path,
    settings: EdgeSettings = QUICK,
    payloads: Mapping[str, bytes] = PAYLOADS,
) -> EdgeBenchmark:
    return benchmark_on(
        device, tiny_onnx(), payloads, SPEC, settings=settings, scratch=scratch, name="fake"
    )


@pytest.mark.parametrize(
    ("target", "outcome", "words"),
    [
        ("refuses", "REFUSED", "operator Conv is not supported here"),
        ("eats-memory", "REFUSED", "MemoryError"),
        ("fills-the-disk", "REFUSED", "File too large"),
        ("chatters", "REFUSED", "after printing"),
        ("aborts", "CRASH", "SIGABRT"),
        ("fails", "CRASH", "no device"),
        ("vanishes", "NO-RESULT", "without an answer"),
        ("silent", "NO-RESULT", "without an answer"),
        ("lies", "NO-RESULT", "without an answer"),
        ("says-too-much", "NO-RESULT", "without an answer"),
        ("no-arrays", "NO-RESULT", "not readable"),
        ("too-few", "NO-RESULT", "for 40 samples"),
        ("absent", "NO-RESULT", "no-such-interpreter cannot be started"),
    ],
)
def test_whatever_a_target_does_is_a_result(
    target: str, outcome: str, words: str, tmp_path: Path
) -> None:
    tight = QUICK.model_copy(update={"max_memory_mib": 1024, "max_output_mib": 1})
    found = run(FAKES[target], tmp_path, tight)
    assert found.outcome == outcome
    assert words in found.message
    assert set(found.files) == set()
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_hangs_is_ended_at_its_limit(tmp_path: Path) -> None:
    found = run(EdgeTarget(open=hangs), tmp_path, QUICK.model_copy(update={"timeout_s": 0.7}))
    assert found.outcome == "TIMEOUT"
    assert "0.7 s" in found.message


def test_a_corrupted_model_is_refused(tmp_path: Path) -> None:
    body = tiny_onnx().read(MODEL)
    cut = replace(tiny_onnx(), files={**tiny_onnx().files, MODEL: body[:-200]})
    found = benchmark("ort-cpu", cut, PAYLOADS, SPEC, QUICK, tmp_path)
    assert found.outcome == "REFUSED"
    assert "Protobuf" in found.message


def test_a_sample_that_the_decoder_cannot_read_is_refused(tmp_path: Path) -> None:
    other = {"x": png(np.zeros((9, 9, 1), np.uint8))}
    found = run(EdgeTarget(decoder="png"), tmp_path, QUICK, other)
    assert found.outcome == "REFUSED"
    assert "9x9, 8x8 is needed" in found.message


def test_the_source_of_a_runtime_goes_to_the_target_with_its_options(tmp_path: Path) -> None:
    found = run(EdgeTarget(open=Constant), tmp_path, QUICK.model_copy(update={"threads": 2}))
    assert found.outcome == "OK"
    assert found.machine["runtime"] == "fake 2"
    assert (read_array(found, LOGITS).argmax(axis=1) == 0).all()


def test_nothing_of_our_environment_reaches_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    script = (
        "import os, json; print(json.dumps({'outcome': 'REFUSED', 'message': str(os.environ)}))"
    )
    told = run(EdgeTarget(interpreter=(sys.executable, "-I", "-c", script)), tmp_path).message
    assert "SECRET" not in told
    assert "'ORT_DISABLE_TELEMETRY': '1'" in told
    assert f"'HOME': '{tmp_path}" in told


def test_few_calls_give_no_high_percentiles() -> None:
    times = np.arange(1.0, 701.0)
    assert set(percentiles(times[:63])) == {"p50"}
    assert set(percentiles(times[:661])) == {"p50", "p90"}
    assert percentiles(times) == pytest.approx({"p50": 350.5, "p90": 630.1, "p99": 693.01})
    assert NEEDED_CALLS == {"p50": 1, "p90": 64, "p99": 662}


def test_an_unknown_target_is_refused_and_the_known_ones_are_listed() -> None:
    with pytest.raises(InputRefused, match=r"CONF_UNKNOWN edge.targets: .*'tpu'.*ort-cpu"):
        find("tpu")


def test_a_loop_without_processor_time_is_flagged(tmp_path: Path) -> None:
    found = run(EdgeTarget(open=Waits), tmp_path)
    assert found.contended
    assert found.latency_ms["p50"] >= 1.0


def test_a_slow_model_gets_fewer_calls(tmp_path: Path) -> None:
    found = run(EdgeTarget(open=Waits), tmp_path, QUICK.model_copy(update={"timing_seconds": 0.02}))
    assert 1 <= len(read_array(found, "latencies.npy")) <= 20


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_target_started_is_ended_with_it(tmp_path: Path) -> None:
    child = int(run(EdgeTarget(open=leaves_a_child), tmp_path).message.split()[-1])
    _wait_for(lambda: not _lives(child), seconds=10.0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the death signal of a parent is Linux's")
def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        from pathlib import Path
        from qa_assets_tests.edge.test_benchmark import EdgeTarget, hangs, run
        run(EdgeTarget(open=hangs), Path({str(tmp_path)!r}))
    """)
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], cwd=root)
    try:
        worker = _wait_for(lambda: next((p.read_text() for p in tmp_path.glob("*/opened")), ""))
    finally:
        parent.kill()
        parent.wait()
    assert _wait_for(lambda: not _lives(int(str(worker))))


def _lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def _wait_for(what: Callable[[], object], seconds: float = 60.0) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen within {seconds} s")
