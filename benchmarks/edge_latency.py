"""Figures of the edge benchmark: false alarms, slow-downs found, and what the loop itself costs.

Seventy duels of a model with itself and with one that is 22 % slower, on a machine that another
process keeps busy in bursts; then the timed loop against a bare loop of the same calls.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from qa_assets.checks.comparison import not_slower
from qa_assets.core.config import InputSpec
from qa_assets.core.intervals import bootstrap_median
from qa_assets.edge.duel import duel
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import EdgeTarget
from qa_assets.edge.worker import OnnxRuntime, timed_calls

SPEC = InputSpec(height=8, width=8, channels=1)
BUSY = """
import random, time
while True:
    end = time.perf_counter() + random.uniform(0.01, 0.3)
    while time.perf_counter() < end:
        pass
    time.sleep(random.uniform(0.01, 0.3))
"""
ROUNDS = 100
CALLS = EdgeSettings().calls
"""Calls of one block of the comparison of loops: as many as a benchmark times."""
SLOWER = 1.22


def chain(length: int) -> bytes:
    """A model whose time is that of ``length`` equal products."""
    rng = np.random.default_rng(0)
    weight = (rng.normal(size=(64, 64)) / 8).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["x"], ["h0"], axis=1),
    ]
    for i in range(length):
        nodes.append(helper.make_node("MatMul", [f"h{i}", "w"], [f"m{i}"]))
        out = "logits" if i == length - 1 else f"h{i + 1}"
        nodes.append(helper.make_node("Tanh", [f"m{i}"], [out]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", 8, 8, 1])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 64])],
        [numpy_helper.from_array(weight, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made.SerializeToString()


def duels(runs: int, payloads: dict[str, bytes], scratch: Path) -> dict[str, object]:
    """Outcomes of ``runs`` duels with itself and with the slower model, both on a busy machine."""
    same, slower = chain(ROUNDS), chain(round(ROUNDS * SLOWER))
    outcomes: dict[str, list[str]] = {"same": [], "slower": []}
    busy = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        for _ in range(runs):
            for kind, body in (("same", same), ("slower", slower)):
                found = duel(
                    EdgeTarget(), body, same, payloads, SPEC,
                    settings=EdgeSettings(), scratch=scratch, name="ort-cpu",
                )  # fmt: skip
                outcomes[kind].append(not_slower(found, max_slowdown=0.1).outcome)
    finally:
        busy.kill()
        busy.wait()
    return {
        "runs": runs,
        "false alarms": outcomes["same"].count("fail"),
        "found": outcomes["slower"].count("fail"),
        "cannot tell, same": outcomes["same"].count("cannot tell"),
        "cannot tell, slower": outcomes["slower"].count("cannot tell"),
    }


def loop_cost(payload_pixels: np.ndarray, scratch: Path, blocks: int) -> dict[str, float]:
    """Share by which the timed loop is slower than a bare one: blocks in turns, in random order."""
    path = scratch / "model.onnx"
    path.write_bytes(chain(ROUNDS))
    session, samples = OnnxRuntime(str(path), {"threads": 1}), list(payload_pixels[:, None])
    job = {"calls": CALLS, "least_seconds": 0.0, "timing_seconds": 60.0}

    def bare() -> None:
        for sample in islice(cycle(samples), CALLS):
            session.infer(sample)

    loops, order = (bare, lambda: timed_calls(session.infer, samples, job)), random.Random(0)
    spent = np.zeros((blocks, 2))
    bare()
    for block in spent:
        for side in order.sample((0, 1), 2):
            began = time.perf_counter()
            loops[side]()
            block[side] = time.perf_counter() - began
    share = bootstrap_median(spent[:, 1] / spent[:, 0] - 1)
    return {"median": share.value, "low": share.low, "high": share.high, "blocks": blocks,
            "call in us": 1e6 * float(np.median(spent[:, 0])) / CALLS}  # fmt: skip


def main(runs: int = 70, blocks: int = 200) -> None:
    """Print the figures as one JSON line."""
    import io

    from PIL import Image

    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    payloads: dict[str, bytes] = {}
    for i, body in enumerate(pixels):
        out = io.BytesIO()
        Image.fromarray(body[:, :, 0]).save(out, "PNG")
        payloads[f"{i:02d}"] = out.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        figures = duels(runs, payloads, Path(folder))
        figures["loop costs"] = loop_cost(pixels, Path(folder), blocks)
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
