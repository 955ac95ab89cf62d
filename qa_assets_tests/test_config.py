"""What one pipeline's settings may say, and what is refused before anything runs."""

import shutil
from pathlib import Path

import pytest

from qa_assets.config import PipelineConfig, read_pipeline
from qa_assets.core.check import CHECKS
from qa_assets.core.errors import InputRefused
from qa_assets_tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "qa_assets" / "defs" / "digits"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "digits"))


def refused(folder: Path, old: str, new: str) -> InputRefused:
    path = folder / "defs.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputRefused) as caught:
        read_pipeline(folder, folder.parent)
    return caught.value


def test_the_shipped_pipelines_are_read(folder: Path) -> None:
    pipeline = read_pipeline(folder, folder.parent)
    assert pipeline.name == "digits"
    chosen = dict(pipeline.config.gates.chosen())
    assert chosen[CHECKS["accuracy_sufficient"]]["min_accuracy"] == pytest.approx(0.9)


def test_every_check_can_be_a_gate() -> None:
    gates = PipelineConfig.model_fields["gates"].annotation
    assert gates is not None
    assert set(gates.model_fields) == set(CHECKS)


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("{min_accuracy: 0.9}", "{min_acuracy: 0.9}", "CONF_UNKNOWN", "min_accuracy"),
        ("{min_accuracy: 0.9}", "{min_accuracy: 90}", "CONF_RANGE", "min_accuracy"),
        ("{min_accuracy: 0.9}", "{min_accuracy: '0.9'}", "CONF_TYPE", "min_accuracy"),
        ("{min_accuracy: 0.9}", "", "CONF_TYPE", "accuracy_sufficient"),
        ("epochs: 25", "epochs: 0", "CONF_RANGE", "epochs"),
        ("epochs: 25", "epochs: yes", "CONF_TYPE", "epochs"),
        ("seed: 0", "seed: 0, seed: 1", "YAML_DUPLICATE", "seed"),
        ("samples_suite.json", "no_such_suite.json", "CONF_PATH", "no_such_suite.json"),
        ("samples_suite.json", "../digits/samples_suite.json/..", "CONF_PATH", ".."),
        ("name: digits", "name: Digits 2", "CONF_RANGE", "name"),
        ("targets: [ort-cpu,", "targets: [ort_gpu,", "CONF_UNKNOWN", "ort-cpu"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, old: str, new: str, code: str, said: str
) -> None:
    error = refused(folder, old, new)
    assert code in {p.code for p in error.problems}, str(error)
    assert said in str(error)


def test_a_gate_is_not_a_monitor_too(folder: Path) -> None:
    error = refused(folder, "edge_keeps_precision: {}", "class_balance: {}")
    assert "class_balance" in str(error)


def test_without_gates_nothing_would_be_checked(folder: Path) -> None:
    path = folder / "defs.yaml"
    head, _, _ = path.read_text(encoding="utf-8").partition("  gates:")
    path.write_text(head + "  gates: {}\n", encoding="utf-8")
    with pytest.raises(InputRefused, match="at least one gate"):
        read_pipeline(folder, folder.parent)
