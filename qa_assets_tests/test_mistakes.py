"""What a user does wrong, in this process: code, item, remedy and exit code, never a traceback."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qa_assets.cli import main
from qa_assets.config import read_pipeline
from qa_assets.core.errors import EnvironmentFault
from qa_assets.endings import ended
from qa_assets.runs import dagster_instance, execute
from qa_assets_tests.conftest import Project, new_project
from qa_assets_tests.datasets.samples import picture, write

Call = Callable[..., tuple[int, list[dict[str, str]]]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project, entered as ``qa`` enters it."""
    found = new_project(tmp_path / "project")
    monkeypatch.chdir(found.root)
    monkeypatch.setenv("QA_ROOT", str(found.root))
    monkeypatch.setenv("QA_DEFS", str(found.root / "defs"))
    monkeypatch.setenv("DAGSTER_HOME", str(found.root))
    return found


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call ``qa WORDS --json``: its exit code, and every object it prints."""

    def called(*words: str) -> tuple[int, list[dict[str, str]]]:
        monkeypatch.setattr(sys, "argv", ["qa", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, [json.loads(v) for v in capsys.readouterr().out.splitlines()]

    return called


VERBS = (["run"], ["check"], ["report"], ["status"], ["data", "versions"], ["data", "make"],
         ["suite", "propose"], ["rehearse"], ["selftest"])  # fmt: skip


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_command_names_the_pipelines_there_are(
    verb: list[str], project: Project, call: Call
) -> None:
    code, (problem,) = call(*verb, "digitz")
    assert (code, problem["code"], problem["item"]) == (2, "PIPELINE_UNKNOWN", "digitz")
    assert problem["remedy"] == "There are: digits."


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_command_names_a_wrong_key(verb: list[str], project: Project, call: Call) -> None:
    project.edit("training:", "trainning:")
    code, (problem,) = call(*verb, "digits")
    assert (code, problem["code"]) == (2, "CONF_UNKNOWN")
    assert "defs.yaml:" in problem["item"]
    assert "'training'" in problem["message"] + problem["remedy"]


def test_a_wrong_call_is_told_to_programs_too(project: Project, call: Call) -> None:
    code, (problem,) = call("run")
    assert (code, problem["code"], problem["item"]) == (2, "USAGE", "qa run")
    assert "pipeline" in problem["message"]
    assert problem["remedy"] == "qa run --help"


def test_a_root_that_is_no_folder(
    project: Project, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QA_ROOT", "/no/such/folder")
    code, (problem,) = call("status")
    assert (code, problem["code"], problem["item"]) == (3, "ENV_ROOT", "/no/such/folder")


def test_a_project_without_any_pipeline(project: Project, call: Call) -> None:
    shutil.rmtree(project.root / "defs")
    code, (problem,) = call("status")
    assert (code, problem["code"]) == (2, "PIPELINE_UNKNOWN")
    assert problem["remedy"]


def test_a_kind_that_is_none_is_told_every_kind(project: Project, call: Call) -> None:
    code, (problem,) = call("inspect", "weigths", "m.pt")
    assert (code, problem["code"]) == (2, "INSPECT_KIND")
    for kind in ("dataset", "features", "onnx", "weights", "device"):
        assert kind in problem["remedy"]


@pytest.mark.parametrize("text", ["storage: [\n", "storag: 3\n", "run_queue: {}\n"])
def test_settings_of_dagster_that_are_none(text: str, project: Project) -> None:
    (project.root / "dagster.yaml").write_text(text)
    if "run_queue" in text:  # beside the coordinator that it contradicts
        text += "run_coordinator: {module: a, class: b}\n"
        (project.root / "dagster.yaml").write_text(text)
    with pytest.raises(EnvironmentFault, match="ENV_DAGSTER_HOME .*dagster.yaml"):
        dagster_instance(project.root)


def test_a_network_that_is_no_text_is_part_of_the_graph_until_it_is_run(project: Project) -> None:
    (project.root / "defs/digits/model.py").write_bytes(b"# \xff\ndef network(spec, classes): 1\n")
    from qa_assets.graph import build_graph

    pipeline = read_pipeline(project.root / "defs/digits", project.root)
    first = build_graph(pipeline)[0]["trained_weights"].settings
    (project.root / "defs/digits/model.py").write_bytes(b"# \xfe\ndef network(spec, classes): 1\n")
    assert build_graph(pipeline)[0]["trained_weights"].settings != first


@pytest.mark.slow
def test_of_many_broken_files_each_is_a_problem_of_its_own(project: Project) -> None:
    project.edit("    embedded: sklearn_digits   # makes that folder where it is missing\n", "")
    names = [f"data/digits/{label}/{i}.png" for label in "01" for i in range(30)]
    for name in names:
        (project.root / name).parent.mkdir(parents=True, exist_ok=True)
        (project.root / name).write_text("hello")
    state = execute(read_pipeline(project.root / "defs/digits", project.root))
    told = [p for p in state.problems if p.code == "IMG_NOT_IMAGE"]
    assert {p.item for p in told} == {n.removeprefix("data/digits/") for n in names}
    assert all("\n" not in p.message and p.remedy for p in told)


PIXELS = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
BAD_TABLES = {
    "nothing.csv": (b"", "CSV_EMPTY", "is an empty file.", "Give a CSV"),
    "head.csv": (b"a,b\n", "CSV_EMPTY", "has no rows.", "Give a CSV"),
    "latin.csv": ("name,x\nMüller,1\n".encode("latin-1"), "CSV_ENCODING", "UTF8", "UTF-8"),
    "wide.csv": ("a,b\n1,2\n".encode("utf-16"), "CSV_ENCODING", "is UTF-16.", "UTF-8"),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", "CSV_RAGGED", "Row #3", "as many fields"),
    "one.png": (PIXELS, "SET_FORMAT", "is one picture", "Give the folder"),
    "some.bin": (b"\0\1\2\3" * 9, "CSV_ENCODING", "is no table", "pictures: a folder"),
    "cut.parquet": (b"PAR1" + b"x" * 99, "CSV_ENCODING", "Parquet", "fetch it again"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_cannot_be_tried_says_why(name: str, tmp_path: Path, call: Call) -> None:
    body, code, message, remedy = BAD_TABLES[name]
    (tmp_path / name).write_bytes(body)
    exit_code, (problem,) = call("try", str(tmp_path / name))
    assert (exit_code, problem["code"], problem["item"]) == (2, code, name)
    assert message in problem["message"]
    assert remedy in problem["remedy"]


def inputs(root: Path) -> dict[str, Path]:
    """What somebody might give in place of a dataset."""
    (root / "empty").mkdir()
    (root / "words/cat").mkdir(parents=True)
    (root / "words/cat/a.txt").write_text("no picture")
    (root / "table.csv").write_text("a,b\n1,2\n")
    (root / "idx").mkdir()
    pixels = b"\0\0\x08\x03" + bytes((0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 4)) + bytes(16)
    (root / "idx/train-images-idx3-ubyte").write_bytes(pixels)
    return {n: root / n for n in ("empty", "words", "table.csv", "idx", "nowhere")}


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        ("empty", "SET_EMPTY", "a folder a class"),
        ("words", "SET_EMPTY", "a folder a class"),
        ("table.csv", "SET_MISSING", "qa inspect features"),
        ("idx", "SET_MISSING", "into one folder"),
        ("nowhere", "SET_MISSING", "Give a folder"),
    ],
)
def test_what_is_no_dataset_is_refused_with_what_would_be_right(
    name: str, code: str, remedy: str, tmp_path: Path, call: Call
) -> None:
    path = inputs(tmp_path)[name]
    exit_code, (problem, *_) = call("inspect", "dataset", str(path), "--out", str(tmp_path / "o"))
    assert (exit_code, problem["code"]) == (2, code)
    assert remedy in problem["remedy"]
    assert not (tmp_path / "o").exists()


def test_a_table_is_not_compared_with_pictures(tmp_path: Path, call: Call) -> None:
    inputs(tmp_path)
    words = ("try", str(tmp_path / "words"), "--against", str(tmp_path / "table.csv"))
    exit_code, (problem,) = call(*words)
    assert (exit_code, problem["code"], problem["item"]) == (2, "USAGE", str(tmp_path / "words"))
    assert "--against compares tables" in problem["message"]


@pytest.mark.parametrize(
    ("number", "code", "remedy"),
    [(errno.ENOSPC, "ENV_DISK_FULL", "Free"), (errno.EACCES, "ENV_PERMISSION", "owns")],
)
def test_what_the_system_refuses_has_its_own_code_and_remedy(
    number: int, code: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Arrow raises it where a disk is full: with a number, and no file."""

    def refused() -> None:
        raise OSError(number, f"Error writing bytes to file. Detail: [errno {number}]")

    assert ended(refused) == 3
    said = " ".join(capsys.readouterr().err.split())
    assert f"error {code} " in said
    assert remedy in said


def test_a_folder_that_may_not_be_listed_is_set_aside(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"set/{c}/{n}.png": picture(9 * k + n) for k, c in enumerate(("cat", "dog", "shut"))
             for n in range(3)}  # fmt: skip
    write(tmp_path, files)
    listed, access, shut = os.scandir, os.access, str(tmp_path / "set/shut")

    def scandir(path: str) -> object:
        if str(path).rstrip(os.sep) == shut:
            raise PermissionError(errno.EACCES, "Permission denied", shut)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != shut and access(path, mode))
    out = str(tmp_path / "out")
    exit_code, (problem,) = call("inspect", "dataset", str(tmp_path / "set"), "--out", out)
    assert (exit_code, problem["code"], problem["item"]) == (1, "NAME_PERMISSION", "shut")
    assert json.loads((tmp_path / "out/summary.json").read_text())["kept"] == 6
