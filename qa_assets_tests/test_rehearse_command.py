"""``qa rehearse``: a table, JSON, and the exit code that says what broke."""

import json

import pytest

from qa_assets_tests.conftest import Project

pytestmark = pytest.mark.slow


def test_the_last_release_is_replayed_and_answers(finished: Project) -> None:
    done = finished.qa("rehearse", "digits", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["target"] for row in rows} >= {"ort-cpu", "ort-int8"}
    assert {(row["outcome"], row["flips"], row["breaks"]) for row in rows} == {("OK", 0, "no")}


def test_a_damaged_release_is_named_and_the_exit_code_says_so(project: Project) -> None:
    digest = next((project.root / ".qa/store/names/history/digits/release").iterdir()).name
    path = project.root / ".qa/store/objects" / digest[:2] / digest / "model.onnx"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    done = project.qa("rehearse", "digits", "--on", "ort-cpu")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "RELEASE_BROKEN" in done.stderr
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_bad_input_is_refused(empty_project: Project) -> None:
    done = empty_project.qa("rehearse", "digits")
    assert (done.returncode, "ARTIFACT_MISSING" in done.stderr) == (2, True)
