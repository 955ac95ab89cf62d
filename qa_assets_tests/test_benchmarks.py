"""Benchmarks run seldom: that they still fit what they measure is seen at every test run."""

import importlib
import pkgutil
from pathlib import Path

import pytest
import yaml

import benchmarks
from benchmarks import mnist_selftest
from qa_assets.config import read_pipeline


@pytest.mark.parametrize("name", [m.name for m in pkgutil.iter_modules(benchmarks.__path__)])
def test_a_benchmark_can_be_imported(name: str) -> None:
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_the_settings_of_the_selftest_on_mnist_are_those_of_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_bytes((mnist_selftest.DIGITS / "model.py").read_bytes())
    text = yaml.safe_dump(mnist_selftest.settings())
    (tmp_path / "defs.yaml").write_text(text, encoding="utf-8")
    gates = read_pipeline(tmp_path, tmp_path).config.gates
    assert gates.model_fields_set >= mnist_selftest.GATES.keys()
    assert "critical_cases_right" not in gates.model_fields_set
