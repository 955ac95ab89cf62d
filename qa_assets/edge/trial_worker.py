"""Runs a model of unknown origin on made-up inputs, within limits; one JSON line tells the end.

A script of its own: ``trial_worker.py FOLDER``, with ``model.onnx``, ``inputs.npz`` and
``limits.json`` in it; it leaves ``all.npz``, ``again.npz`` and ``single.npz``: the answers to all
inputs in one call, once more, and one by one.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the runtime is imported: later is too late

import numpy as np


def limit(memory_mib: int) -> None:
    """Bind this process: memory, no core dump."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    most = memory_mib << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(folder: Path) -> dict[str, Any]:
    """Run it: all, again, one by one."""
    import onnxruntime as ort

    limits = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
    limit(limits["memory_mib"])
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    session: Any = ort.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )
    with np.load(folder / "inputs.npz", allow_pickle=False) as stored:
        inputs = {name: stored[name] for name in stored.files}
    names = [port.name for port in session.get_outputs()]
    count = len(next(iter(inputs.values()))) if inputs else 0
    calls = [{k: v[i : i + 1] for k, v in inputs.items()} for i in range(count)]

    def one_by_one() -> list[Any]:
        answers = [session.run(names, call) for call in calls]
        return [np.concatenate([a[k] for a in answers]) for k in range(len(names))]

    rounds = {"single": one_by_one()}
    if limits["batches"]:
        rounds |= {name: session.run(names, inputs) for name in ("all", "again")}
    else:
        rounds["again"] = one_by_one()
    for name, answers in rounds.items():
        stored = {port: np.asarray(a) for port, a in zip(names, answers, strict=True)}
        np.savez(folder / f"{name}.npz", allow_pickle=False, **stored)
    return {"outcome": "OK"}


if __name__ == "__main__":
    try:
        said = main(Path(sys.argv[1]))
    except MemoryError:
        said = {"outcome": "MEMORY", "message": "no more memory"}
    except Exception as error:  # whatever the runtime says of a model that it does not take
        text = f"{type(error).__name__}: {error}"
        full = any(sign in text for sign in ("bad_alloc", "allocate memory", "out of memory"))
        said = {"outcome": "MEMORY" if full else "REFUSED", "message": text[:600]}
    sys.stdout.write(json.dumps(said) + "\n")
