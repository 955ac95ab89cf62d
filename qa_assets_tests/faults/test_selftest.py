"""Faults are planted in copies only, every one keeps its contract, and a tenth of them is run."""

import inspect
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.config import read_pipeline
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.faults import Alarm, CleanRun, FaultRun, GateSelftest, Measured
from qa_assets.core.store import LocalStore
from qa_assets.faults import matrix
from qa_assets.faults.fault import FAULTS
from qa_assets.faults.harness import run_fault
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.pictures import Folder
from qa_assets.faults.results import Results
from qa_assets.faults.selftest import chosen, selftest
from qa_assets.faults.suggest import suggest
from qa_assets_tests.conftest import Project

A_TENTH = 10
SHIPPED = Path(__file__).resolve().parents[2] / "qa_assets" / "defs" / "digits"


def run_of(fault: str, dose: str = "clear", ending: str = "gate", **more: object) -> FaultRun:
    given = {"stage": "data", "amount": 1.0, "seconds": 1.0, **more}
    return FaultRun(fault=fault, dose=dose, ending=ending, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_every_fault_says_what_it_is(name: str) -> None:
    fault = FAULTS[name]
    assert fault.about.endswith(".")
    assert fault.source
    assert fault.causes
    assert "clear" in fault.doses
    assert list(inspect.signature(fault.plant).parameters) == ["site", "dose"]


def test_there_are_enough_faults_of_every_stage() -> None:
    stages = [fault.stage for fault in FAULTS.values()]
    assert len(stages) >= 60
    assert set(stages) == {"data", "preprocessing", "training", "export", "edge", "release"}


def test_no_check_knows_a_fault() -> None:
    """A gate that looked for a fault's own marks would prove nothing."""
    sources = Path(inspect.getfile(GateSelftest)).parents[1].glob("checks/*.py")
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    assert not [name for name in FAULTS if re.search(rf"(?<![.\w]){name}\b", text)]
    assert "qa_assets.faults" not in text


def test_overlay_reads_through_and_writes_above(tmp_path: Path) -> None:
    below = LocalStore(tmp_path / "below")
    digest = below.put({"a": b"clean"})
    below.point("name", digest)
    above = Overlay(tmp_path / "above", below)
    assert above.resolve("name") == digest
    assert (above.get(digest) / "a").read_bytes() == b"clean"
    other = above.put({"a": b"faulty"})
    above.point("name", other)
    (above.own_copy(digest) / "a").write_bytes(b"damaged")
    assert below.resolve("name") == digest
    assert (below.get(digest) / "a").read_bytes() == b"clean"
    with pytest.raises(InputRefused, match="ARTIFACT_MISSING"):
        below.get(other)
    with pytest.raises(InputRefused, match="ARTIFACT_TAMPERED"):
        above.get(digest)


def test_a_changed_file_leaves_its_hard_link_alone(tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "x.png").write_bytes(label.encode())
    twin = tmp_path / "twin"
    twin.hardlink_to(tmp_path / "data" / "a" / "x.png")
    folder = Folder(tmp_path / "data", np.random.default_rng(0))
    folder.write(tmp_path / "data" / "a" / "x.png", b"new")
    assert twin.read_bytes() == b"a"
    moved = folder.relabel(tmp_path / "data" / "a" / "x.png", "b")
    assert folder.label(moved) == "b"
    assert len(folder.files("b")) == 2


def test_rates_count_what_escaped_and_what_cried_wolf() -> None:
    alarm = Alarm("g", "fail", "c", "s", {})
    record = GateSelftest(
        runs=(run_of("x", ending="escaped"), run_of("y", named=True, plain_gate=True)),
        clean=(
            CleanRun(seed=1, verdicts=9, alarms=(alarm,), accuracy=1.0, seconds=1.0),
            CleanRun(seed=2, verdicts=11, alarms=(), accuracy=1.0, seconds=1.0),
        ),
        dead=("h",),
    )
    assert record.detection("clear").value == 0.5
    assert record.plain("clear").value == 0.5
    assert record.named.value == 1.0
    assert record.false_alarms.value == 1 / 20
    assert "escaped" in matrix.text(record)
    assert json.dumps(matrix.data(record))
    assert matrix.picture(record, ["g", "h"]).startswith(b"<svg")
    assert record.metadata()["clean runs blocked"] == 1


def test_the_picture_has_whole_titles_below_its_edge_and_a_cell_for_the_gate_that_fired() -> None:
    gate = "edge_comparison/onnx_reference: accuracy_kept_on_edge"
    alarm = Alarm(gate, "fail", "c", "s", {})
    fired = run_of("y", named=True, diagnosis=gate, alarms=(alarm,))
    record = GateSelftest(runs=(run_of("x", ending="escaped"), fired), clean=(), dead=("h",))
    drawn = matrix.picture(record, [gate, "h"]).decode()
    assert f">{gate}<" in drawn
    assert ">h<" not in drawn
    foot = float(drawn.partition("translate(")[2].partition(")")[0].split(",")[1])
    assert foot > 5 * len(gate), "a slanted title rises by some five pixels a character"
    assert f'fill="{matrix.ESCAPED}" class="r">x<' in drawn
    assert drawn.count("h11v11") == 1
    assert f'<path fill="{matrix.NAMED}"' in drawn


def test_a_fault_that_cannot_be_planted_here_says_why_and_counts_in_no_rate(
    tmp_path: Path,
) -> None:
    """Its data are one file, as those of IDX or NPZ are; the others go on."""
    (tmp_path / "data.npz").write_bytes(b"PK")
    defs = tmp_path / "defs"
    shutil.copytree(SHIPPED, defs)
    text = (defs / "defs.yaml").read_text(encoding="utf-8")
    text = text.replace("path: data/digits  ", "path: data.npz  ")
    text = text.replace("embedded: sklearn_digits", "").replace("image_folder", "npz")
    (defs / "defs.yaml").write_text(text, encoding="utf-8")
    pipeline, store = read_pipeline(defs, tmp_path), LocalStore(tmp_path / "store")
    run = run_fault(pipeline, FAULTS["labels_flipped"], "clear", store, 0.9)
    assert run.ending == "not planted"
    assert "FAULT_NOT_HERE" in run.cause
    assert not run.counts
    assert not run.stopped
    assert list(store.scratch().iterdir()) == []


def test_a_suggested_threshold_lies_between_clean_runs_and_escaped_faults() -> None:
    def clean(seed: int, value: float) -> CleanRun:
        measured = {"g": Measured(value, 0.5, passed=True)}
        return CleanRun(
            seed=seed, verdicts=1, alarms=(), accuracy=1.0, measured=measured, seconds=1.0
        )

    escaped = replace(
        run_of("x", ending="escaped"), measured={"g": Measured(0.4, 0.5, passed=True)}
    )
    record = GateSelftest(runs=(escaped,), clean=(clean(1, 0.1), clean(2, 0.2)), dead=())
    (found,) = suggest(record)
    assert found.suggested == pytest.approx(0.3)
    assert found.caught == ("x (clear)",)
    seen = replace(escaped, measured={"g": Measured(0.15, 0.5, passed=True)})
    assert not list(suggest(replace(record, runs=(seen,))))


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(InputRefused, match="FAULT_UNKNOWN.*labels_flipped"):
        chosen(name="nonsense")


@pytest.mark.slow
def test_a_tenth_of_the_faults_meets_the_gates(project: Project, monkeypatch) -> None:
    """The same tenth each time; the whole matrix is `qa selftest`."""
    from qa_assets.faults.asset import clean_store
    from qa_assets.runs import find_pipeline

    monkeypatch.setenv("QA_ROOT", str(project.root))
    monkeypatch.setenv("QA_DEFS", str(project.root / "defs"))
    pipeline = find_pipeline("digits")
    before = {p: p.stat().st_mtime_ns for p in (project.root / "data").rglob("*")}
    store = clean_store(pipeline)
    tasks, folder = chosen(part=A_TENTH), project.root / "unfinished"
    before_it_was_cut_off = run_of(*tasks[0], named=True, seconds=123.0)
    Results(folder).keep(tasks[0], before_it_was_cut_off)
    record = selftest(pipeline, store, tasks, clean_runs=1, processes=1, unfinished=folder)
    assert before_it_was_cut_off in record.runs, "what is known is not planted again"
    assert len(record.runs) == len(tasks)
    assert not folder.exists()
    assert before == {p: p.stat().st_mtime_ns for p in (project.root / "data").rglob("*")}
    assert not list(store.scratch().iterdir())
    said = matrix.text(record)
    assert not [r for r in record.runs if r.ending == "not planted"], said
    assert record.detection("clear").value >= 0.95, said
    assert record.detection("mild").value >= 0.8, said
    assert record.named.value >= 0.8, said
    assert not record.clean[0].alarms
