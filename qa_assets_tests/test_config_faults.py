"""The faults of the shared corpus' made-up configuration, planted in our own ``defs.yaml``."""

import importlib
import re
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from qa_assets.config import read_pipeline
from qa_assets.core.errors import InputRefused
from qa_assets_tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "qa_assets" / "defs" / "digits"
GOOD = (SHIPPED / "defs.yaml").read_text(encoding="utf-8")
CANARY = "open('canary', 'w').close()"


@dataclass(frozen=True)
class Fault:
    """A change of the good file, and how it must be refused.

    Attributes:
        plant: The changed file.
        code: Of the refusal; "" where it is no fault.
        names: What the refusal says beside the file.
        line: A piece of text whose line is named; "" where there is none to name.
    """

    plant: Callable[[], str | bytes]
    code: str
    names: tuple[str, ...] = ()
    line: str = ""


def swap(old: str, new: str, code: str, *names: str, line: str | None = None) -> Fault:
    assert GOOD.count(old) == 1, old
    text = GOOD.replace(old, new)
    return Fault(lambda: text, code, names, new if line is None else line)


def added(text: str, code: str, *names: str, line: str = "") -> Fault:
    return Fault(lambda: GOOD + text, code, names, line)


def whole(text: str | bytes, code: str) -> Fault:
    return Fault(lambda: text, code)


def threshold(value: str, code: str) -> Fault:
    old, new = "min_accuracy: 0.9}\n    labels", f"min_accuracy: {value}}}\n    labels"
    return swap(old, new, code, "accuracy_sufficient.min_accuracy", line=f"min_accuracy: {value}")


def listed(value: str, code: str, *names: str) -> Fault:
    return swap("test_groups: [block09, block10, block11]", f"test_groups: {value}", code, *names)


SEED = "seed: 0, threads: 1"
BOMB = "a0: &a0 [lol, lol, lol]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGED = "b0: &b0 {x: 1}\n" + "".join(
    f"b{i}: &b{i} {{<<: [{', '.join([f'*b{i - 1}'] * 9)}]}}\n" for i in range(1, 8)
)
PATH = "path: data/digits "
SHARES = "splits:\n    test: 0.9\n    validation: 0.3\n  unused:"

FAULTS: dict[str, Fault] = {
    "yaml-control": Fault(lambda: GOOD, ""),
    "yaml-python-object": added(
        f'x: !!python/object/apply:builtins.exec ["{CANARY}"]\n', "YAML_TAG", "python/object",
        line="!!python/object",
    ),
    "yaml-python-name": added("x: !!python/name:os.system\n", "YAML_TAG", line="!!python/name"),
    "yaml-custom-tag": swap(PATH, "path: !env ${HOME} ", "YAML_TAG", "!env"),
    "yaml-billion-laughs": whole(BOMB, "YAML_ALIAS"),
    "yaml-merge-bomb": whole(MERGED, "YAML_ALIAS"),
    "yaml-self-reference": added("a: &a [*a]\n", "YAML_ALIAS", line="a: &a"),
    "yaml-deep": added("a: " + "[" * 20000 + "]" * 20000 + "\n", "YAML_DEPTH", line="a: [["),
    "yaml-duplicate-key": swap(
        "  description:", "  name: again\n  description:", "YAML_DUPLICATE", "name",
        line="name: again",
    ),
    "yaml-tab": swap("    outputs_valid: {}", "\toutputs_valid: {}", "YAML_SYNTAX"),
    "yaml-syntax": added("  gates: {\n", "YAML_SYNTAX"),
    "yaml-empty": whole("", "YAML_EMPTY"),
    "yaml-only-comment": whole("# nothing here\n", "YAML_EMPTY"),
    "yaml-list-at-top": whole("- a\n- b\n", "YAML_TYPE"),
    "yaml-two-documents": added("---\nname: other\n", "YAML_SYNTAX"),
    "yaml-not-utf8": Fault(lambda: GOOD.replace("Reads", "Caf\xe9").encode("latin-1"),
                           "YAML_ENCODING", ("0xe9",)),
    "yaml-nul": Fault(lambda: GOOD.encode() + b"\0", "YAML_SYNTAX"),
    "yaml-key-number": swap(SEED, "7: seed, threads: 1", "CONF_UNKNOWN", "7"),
    "yaml-timestamp": swap(SEED, "seed: 2024-01-01, threads: 1", "CONF_TYPE", "training.seed"),
    "yaml-norway": listed("[no, yes, on, off]", "CONF_TYPE", "splits.test_groups"),
    "yaml-octal": swap(SEED, "seed: 010, threads: 1", "CONF_TYPE", "training.seed"),
    "yaml-sexagesimal": swap("max_p90_ms: 50.0", "max_p90_ms: 1:30", "CONF_TYPE", "max_p90_ms"),
    "yaml-exponent-text": swap("learning_rate: 0.003", "learning_rate: 2e-3", ""),
    "yaml-class-numbers": listed("[1, 01, 1.0]", "CONF_TYPE", "splits.test_groups"),
    "conf-unknown-key": swap(
        "loss_finite: {}", "los_finite: {}", "CONF_UNKNOWN", "los_finite", "loss_finite"
    ),
    "conf-missing-key": swap("  name: digits\n", "", "CONF_MISSING", "name", line=""),
    "conf-no-gates": Fault(
        lambda: re.sub(r"(  gates:)\n.*?(  monitors:)", r"\1 {}\n\2", GOOD, flags=re.DOTALL),
        "CONF_MISSING", ("gates",),
    ),
    "conf-null-gate": swap("loss_finite: {}", "loss_finite: null", "CONF_TYPE", "loss_finite"),
    "conf-proto-key": added("  __class__: x\n", "CONF_UNKNOWN", "__class__", line="__class__"),
    "conf-threshold-negative": threshold("-0.1", "CONF_RANGE"),
    "conf-threshold-above-one": threshold("1.5", "CONF_RANGE"),
    "conf-threshold-percent-number": threshold("90", "CONF_RANGE"),
    "conf-threshold-nan": threshold(".nan", "CONF_RANGE"),
    "conf-threshold-inf": threshold(".inf", "CONF_RANGE"),
    "conf-threshold-huge": threshold("1e309", "CONF_RANGE"),
    "conf-threshold-string": threshold("'0.9'", "CONF_TYPE"),
    "conf-threshold-percent-text": threshold("90%", "CONF_TYPE"),
    "conf-threshold-bool": threshold("true", "CONF_TYPE"),
    "conf-threshold-list": threshold("[0.9]", "CONF_TYPE"),
    "conf-latency-zero": swap("max_p90_ms: 50.0", "max_p90_ms: 0", "CONF_RANGE", "max_p90_ms"),
    "conf-parity-zero": swap(
        "onnx_agrees_with_torch: {max_disagreement: 0.01",
        "onnx_agrees_with_torch: {max_disagreement: 0", "",
    ),
    "conf-split-sum": swap(
        "    validation_groups: [block08]\n    test_groups: [block09, block10, block11]",
        "    test: 0.9\n    validation: 0.3", "CONF_RANGE", "splits", "1.2", line="splits:",
    ),
    "conf-split-zero-test": swap(
        "    test_groups: [block09, block10, block11]", "    test: 0.0", "CONF_RANGE", "test",
        line="splits:",
    ),
    "conf-epochs-zero": swap("epochs: 25, ", "epochs: 0, ", "CONF_RANGE", "training.epochs"),
    "conf-epochs-huge": swap("epochs: 25, ", "epochs: 1000000000000, ", "CONF_RANGE", "epochs"),
    "conf-batch-zero": swap("batch_size: 32", "batch_size: 0", "CONF_RANGE", "batch_size"),
    "conf-seed-negative": swap(SEED, "seed: -1, threads: 1", "CONF_RANGE", "training.seed"),
    "conf-seed-float": swap(SEED, "seed: 7.5, threads: 1", "CONF_TYPE", "training.seed"),
    "conf-lr-nan": swap("rate: 0.003", "rate: .nan", "CONF_RANGE", "learning_rate"),
    "conf-classes-duplicate": listed("[block09, block10, block09]", "CONF_RANGE", "block09"),
    "conf-classes-empty": swap(
        "targets: [ort-cpu, ort-int8, onnx-reference]", "targets: []", "CONF_RANGE", "edge.targets"
    ),
    "conf-classes-name-empty": listed("[block09, '']", "CONF_RANGE", "splits.test_groups"),
    "conf-path-traversal": swap(PATH, "path: ../../../../etc ", "CONF_PATH", "dataset.path"),
    "conf-path-absolute": swap(PATH, "path: /etc ", "CONF_PATH", "dataset.path"),
    "conf-path-url": swap(PATH, "path: file:///etc ", "CONF_PATH", "dataset.path"),
    "conf-path-nul": swap(PATH, 'path: "da\\0ta" ', "CONF_PATH", "dataset.path"),
    # never an option of another program: only a folder name that is not there
    "conf-path-dash": swap(PATH, "path: --upload-pack=touch ESCAPE_dash ", ""),
    # of our own schema
    "target-twice": swap(
        "targets: [ort-cpu, ort-int8,", "targets: [ort-cpu, ort-cpu,", "CONF_RANGE", "ort-cpu"
    ),
    "windows-path": swap(PATH, "path: 'C:\\data' ", "CONF_PATH", "dataset.path"),
    "no-validation": swap(
        "    validation_groups: [block08]", "    validation: 0.0", "CONF_RANGE", "validation",
        line="splits:",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("defs") / "digits"
    place.mkdir()
    for file in (*SHIPPED.glob("*.json"), SHIPPED / "model.py"):
        shutil.copy(file, place)
    (place / "edge_cases").mkdir()
    return place


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_refused_with_file_and_line(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, file = FAULTS[name], folder / "defs.yaml"
    monkeypatch.chdir(folder)
    body = fault.plant()
    file.write_bytes(body if isinstance(body, bytes) else body.encode())
    began = time.process_time()
    if not fault.code:
        assert read_pipeline(folder, folder.parent).name == "digits"
        return
    with pytest.raises(InputRefused) as caught:
        read_pipeline(folder, folder.parent)
    assert time.process_time() - began < 5
    assert not (folder / "canary").exists()
    assert not (folder / "ESCAPE_dash").exists()
    found = [p for p in caught.value.problems if p.code == fault.code]
    assert found, str(caught.value)
    said = "\n".join(f"{p.item} {p.message}" for p in found)
    for piece in ("defs.yaml", *fault.names):
        assert piece in said
    if fault.line:
        assert isinstance(body, str)
        line = body[: body.index(fault.line.lstrip())].count("\n") + 1
        assert f"defs.yaml:{line} " in said


def test_every_fault_of_the_corpus_has_its_own(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(shared / "badinputs")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    core = importlib.import_module("corpusgen._core")
    importlib.import_module("corpusgen.config")
    theirs = {c.id for c in core.CASES.values() if c.group == "config"}
    assert theirs - set(FAULTS) == set()
