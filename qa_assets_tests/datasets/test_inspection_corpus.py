"""The shared corpus of bad inputs: every case of the data half behaves as its manifest says."""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qa_assets.core.errors import Problem, QaError
from qa_assets.datasets.inspection import Inspection, Options, inspect
from qa_assets.datasets.settings import SampleLimits

GROUPS = {"images", "names", "datasets", "archives", "arrays", "labels", "features"}
CLASSES = {
    "csv-label-na-words": ("NA", "None", "null", "nan", "dog"),
    "csv-label-leading-zero": ("001", "002", "1"),
    "csv-label-true-false": ("true", "no"),
    "csv-class-with-one-row": ("cat", "dog", "bird"),
}
"""Where the configured classes are not cat and dog, the manifest says so in words."""
SLOW_LIMIT = 5.0
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def corpus(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The whole corpus, written once."""
    folder = tmp_path_factory.mktemp("corpus")
    sys.path.insert(0, str(shared / "badinputs"))
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        main = importlib.import_module("corpusgen.__main__")
        assert main.main(["--out", str(folder)]) == 0
        yield folder
    finally:
        sys.path.remove(str(shared / "badinputs"))
        sys.dont_write_bytecode = written


def words(case: dict[str, Any], corpus: Path) -> list[str]:
    """How a user would ask for this case."""
    found: list[str] = []
    if case["surface"] == "labels":
        found += ["--classes", ",".join(CLASSES.get(case["id"], ("cat", "dog")))]
    if case["surface"] == "features" and case["id"] != "feat-label-leak":
        found += ["--columns", "width,height"]
    if case["id"] == "feat-unit-change":
        found += ["--reference", str(corpus / "features/feat-control/features.csv")]
    if case["id"] == "zip-many-members":
        found += ["--max-members", "1000"]
    if case["group"] == "names" or case["id"] == "csv-label-na-words":
        found += ["--min-class", "1"]
    return found


def options(case: dict[str, Any], corpus: Path) -> Options:
    given = dict(zip(*[iter(words(case, corpus))] * 2, strict=True))
    listed = {k: tuple(given.get(f"--{k}", "").split(",")) for k in ("classes", "columns")}
    return Options(
        SampleLimits(max_members=int(given.get("--max-members", 10_000_000))),
        *(tuple(t for t in listed[k] if t) for k in ("classes", "columns")),
        Path(given["--reference"]) if "--reference" in given else None,
        int(given.get("--min-class", 2)),
    )


def faults_of(case: dict[str, Any], corpus: Path) -> list[str]:
    want = case["expect"]
    entry = corpus / case["folder"] / case["entry"]
    began = time.process_time()
    found: Inspection | None = None
    try:
        found = inspect(case["surface"], entry, options(case, corpus))
        exit_code, problems = 0 if found.passed else 1, list(found.problems)
    except QaError as refused:
        exit_code, problems = refused.exit_code, list(refused.problems)
    wrong: list[str] = []
    if exit_code != want["exit_code"]:
        wrong.append(f"exit {exit_code}, {want['exit_code']} expected: {problems[:3]}")
    if time.process_time() - began > min(SLOW_LIMIT, want["limits"]["seconds"]):
        wrong.append("took too long")
    wrong += [*_unsaid(want, problems), *_miscounted(want, found)]
    return [f"{case['id']}: {w}" for w in wrong]


def _unsaid(want: dict[str, Any], problems: list[Problem]) -> Iterator[str]:
    said = [p for p in problems if p.code == want["code"]]
    if want["code"] and not said:
        yield f"{want['code']} not reported, found {sorted({p.code for p in problems})}"
        return
    text = "\n".join(f"{p.item} {p.message}" for p in said)
    yield from (f"does not name {n!r}" for n in want.get("names", []) if n not in text and said)
    if any(not (c.isprintable() or c == "\n") for c in text):
        yield "says what does not print"


def _miscounted(want: dict[str, Any], found: Inspection | None) -> Iterator[str]:
    for key in ("kept", "bad"):
        if found is not None and want.get(key) is not None and getattr(found, key) != want[key]:
            yield f"{key} = {getattr(found, key)}, {want[key]} expected"


def chosen(corpus: Path) -> list[dict[str, Any]]:
    cases = json.loads((corpus / "manifest.json").read_text(encoding="utf-8"))["cases"]
    skipped = {"special-unreadable"} if ROOT else set[str]()  # root may read anything
    return [
        c for c in cases if c["group"] in GROUPS and c["skipped"] is None and c["id"] not in skipped
    ]


@pytest.mark.slow
def test_every_case_is_accepted_set_aside_or_refused_as_it_must(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "canary").mkdir()
    monkeypatch.setenv("QA_CANARY_DIR", str(tmp_path / "canary"))
    monkeypatch.chdir(tmp_path)
    cases = chosen(corpus)
    assert len(cases) >= 236
    before = [p.lstat().st_mtime_ns for p in sorted(corpus.rglob("*"))]
    assert [f for case in cases for f in faults_of(case, corpus)] == []
    assert [p.lstat().st_mtime_ns for p in sorted(corpus.rglob("*"))] == before
    assert list((tmp_path / "canary").iterdir()) == []
    escaped = [*tmp_path.rglob("QA_ESCAPE*"), *corpus.rglob("QA_ESCAPE*")]
    assert escaped == [], "nothing is extracted, nothing is run"


PROTOCOL = ("zip-slip-relative", "img-truncated-jpeg", "name-ansi-escape", "npz-pickle",
            "csv-open-quote", "feat-nan", "special-fifo", "idx-count-huge")  # fmt: skip


@pytest.mark.slow
def test_the_command_line_speaks_the_harness_protocol(corpus: Path) -> None:
    harness = importlib.import_module("corpusgen.harness")
    program = [sys.executable, "-c", "from qa_assets.cli import main; main()", "inspect"]

    def command(case: dict[str, Any], folder: Path, out: Path) -> list[str]:
        entry = str(folder / case["entry"])
        return [*program, case["surface"], entry, "--out", str(out), "--json", *words(case, corpus)]

    run: Callable[..., list[str]] = harness.run_case
    by_id = {c["id"]: c for c in chosen(corpus)}
    assert [f for name in PROTOCOL for f in run(by_id[name], corpus, command)] == []
