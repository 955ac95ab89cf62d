"""The shared corpus of bad configurations is refused case by case, each with its code."""

import importlib
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from qa_assets.core.errors import InputRefused
from qa_assets.core.strict_yaml import load_settings
from qa_assets_tests.core.control import Control


def test_every_bad_configuration_of_the_corpus_is_refused(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(shared / "badinputs")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("QA_CANARY_DIR", str(tmp_path / "canary"))
    (tmp_path / "canary").mkdir()
    core = importlib.import_module("corpusgen._core")
    importlib.import_module("corpusgen.config")
    cases = [c for c in core.CASES.values() if c.group == "config"]
    assert len(cases) > 50
    wrong = [f for case in cases for f in faults_of(case, tmp_path / case.id)]
    assert wrong == []
    assert list((tmp_path / "canary").iterdir()) == []


def faults_of(case: Any, folder: Path) -> list[str]:
    case.build(folder)
    began = time.process_time()
    try:
        load_settings(folder / case.entry, Control)
    except InputRefused as refused:
        problems = refused.problems
    else:
        return [] if case.verdict == "accept" else [f"{case.id}: was accepted"]
    if case.verdict == "accept":
        return [f"{case.id}: was refused: {problems}"]
    text = "\n".join(f"{p.item} {p.message}" for p in problems if p.code == case.code)
    wrong = [f"does not name {n!r}" for n in case.names if n not in text]
    if not text:
        wrong.append(f"{case.code} expected, found {[str(p) for p in problems]}")
    if time.process_time() - began > case.seconds:
        wrong.append("took too long")
    return [f"{case.id}: {w}" for w in wrong]
