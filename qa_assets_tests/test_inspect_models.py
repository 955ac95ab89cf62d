"""The shared corpus of bad models, weights and device results: each behaves as it must."""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qa_assets.core.errors import QaError
from qa_assets.inspect_models import KINDS, Beside

pytestmark = pytest.mark.slow
GROUPS = ("onnx", "weights", "device")
STOPPED = {"onnx-endless-loop": "M_TIMEOUT", "onnx-triggered-loop": "M_TIMEOUT",
           "onnx-memory-bomb": "M_MEMORY", "onnx-function-chain": "ONNX_INVALID"}  # fmt: skip
UNLIKE = ("onnx-nested-20",)
"""Right by itself, and another network than the control."""
PROTOCOL = ("onnx-control", "onnx-endless-loop", "onnx-memory-bomb", "onnx-external-traversal",
            "pt-pickle-code", "sf-control", "sf-unchanged", "dev-control", "dev-deep",
            "dev-clock-future")  # fmt: skip


@pytest.fixture(scope="module")
def corpus(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Those groups of the corpus, written once."""
    folder = tmp_path_factory.mktemp("corpus")
    sys.path.insert(0, str(shared / "badinputs"))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        main = importlib.import_module("corpusgen.__main__")
        only = "onnx-*,pt-*,sf-*,dev-*"
        assert main.main(["--out", str(folder), "--only", only]) == 0
        yield folder
    finally:
        sys.path.remove(str(shared / "badinputs"))
        sys.dont_write_bytecode = written


def cases(corpus: Path) -> list[dict[str, Any]]:
    found = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))["cases"]
    return [c for c in found if c["group"] in GROUPS and c["skipped"] is None]


def beside(case: dict[str, Any], corpus: Path) -> Beside:
    """What a user knows beside the file: what is right, and what was asked for."""
    right = {"onnx": "onnx/onnx-control/model.onnx", "weights": "weights/sf-control/"
             "model.safetensors"}  # fmt: skip
    initial = corpus / "weights/pt-control/model.pt" if case["id"] == "sf-unchanged" else None
    reference = corpus / right[case["surface"]] if case["surface"] in right else None
    if case["id"] in UNLIKE:
        reference = None
    devices, runtime = ("edge-01",), "1.31.1"
    return Beside(reference, initial, devices, runtime, seconds=4.0)


def faults_of(case: dict[str, Any], corpus: Path) -> list[str]:
    want, began = case["expect"], time.monotonic()
    path = corpus / case["folder"] / case["entry"]
    try:
        problems = KINDS[case["surface"]](path, beside(case, corpus))
        code = int(any(p.severity == "error" for p in problems))
    except QaError as refused:
        problems, code = list(refused.problems), refused.exit_code
    told = "\n".join(f"{p.item} {p.message}" for p in problems if p.code == want["code"])
    wrong = [f"exit {code}: {problems}"] if code != want["exit_code"] else []
    if want["code"] not in {"", *(p.code for p in problems)}:
        wrong.append(f"{want['code']} not reported: {problems}")
    wrong += [f"does not name {n!r}: {told}" for n in want.get("names", []) if n not in told]
    if want["verdict"] == "accept" and problems:
        wrong.append(f"is right, and {problems} was said")
    if time.monotonic() - began > want["limits"]["seconds"]:
        wrong.append("took too long")
    return [f"{case['id']}: {w}" for w in wrong]


@pytest.mark.parametrize("group", GROUPS)
def test_every_case_is_accepted_refused_or_stopped_as_it_must(
    group: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QA_CANARY_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    chosen = [c for c in cases(corpus) if c["group"] == group]
    assert len(chosen) >= {"onnx": 60, "weights": 45, "device": 40}[group]
    before = [p.lstat().st_mtime_ns for p in sorted(corpus.rglob("*"))]
    assert [f for case in chosen for f in faults_of(case, corpus)] == []
    assert [p.lstat().st_mtime_ns for p in sorted(corpus.rglob("*"))] == before
    assert list(tmp_path.iterdir()) == [], "nothing is run, nothing is extracted"


@pytest.mark.parametrize(("name", "code"), STOPPED.items())
def test_the_caller_survives_what_is_hostile(name: str, code: str, corpus: Path) -> None:
    case = next(c for c in cases(corpus) if c["id"] == name)
    assert (case["expect"]["code"], faults_of(case, corpus)) == (code, [])
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if b"trial-" in _read(p)]
    assert left == [], "what was ended left nothing behind"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_command_line_speaks_the_harness_protocol(corpus: Path) -> None:
    harness = importlib.import_module("corpusgen.harness")
    program = [sys.executable, "-c", "from qa_assets.cli import main; main()", "inspect"]

    def command(case: dict[str, Any], folder: Path, out: Path) -> list[str]:
        known = beside(case, corpus)
        words = ["--devices", ",".join(known.devices), "--runtime", known.runtime]
        words += ["--reference", str(known.reference)] if known.reference else []
        words += ["--initial", str(known.initial)] if known.initial else []
        entry = str(folder / case["entry"])
        return [*program, case["surface"], entry, "--out", str(out), "--json", *words]

    run: Callable[..., list[str]] = harness.run_case
    by_id = {c["id"]: c for c in cases(corpus)}
    chosen = PROTOCOL if "QA_WHOLE_CORPUS" not in os.environ else tuple(by_id)
    assert [f for name in chosen for f in run(by_id[name], corpus, command)] == []
