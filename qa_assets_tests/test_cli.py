"""The command line as a user meets it: what it prints, how it exits, and what bad input leaves."""

import json
import tomllib
from pathlib import Path

import pytest

from qa_assets_tests.conftest import Project

pytestmark = pytest.mark.slow


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def outcomes(text: str) -> dict[str, object]:
    return {f"{v['asset']}: {v['check']}": v["outcome"] for v in lines(text) if "check" in v}


def test_digits_pass_every_gate(finished: Project) -> None:
    done = finished.qa("check", "digits", "--json")
    assert done.returncode == 0, done.stdout
    gates = {
        f"{v['asset']}: {v['check']}": v["outcome"] for v in lines(done.stdout) if v["blocking"]
    }
    assert len(gates) >= 15
    assert set(gates.values()) == {"pass"}


def test_accuracy_on_unseen_writers_has_its_interval(finished: Project) -> None:
    shown = json.loads((finished.root / "reports/digits/evaluation.json").read_text())
    assert shown["accuracy"] > 0.93
    assert 0.90 < shown["accuracy_low"] < shown["accuracy"]


def test_unchanged_is_answered_from_the_store(project: Project) -> None:
    done = project.qa("run", "digits")
    assert done.returncode == 0, done.stdout
    assert f"{done.stderr.count('answered from the store')} assets: 0 made" in done.stdout
    assert "epoch" not in done.stderr, "nothing was trained"


def test_a_changed_threshold_is_judged_without_running_a_model(project: Project) -> None:
    before = sorted((project.root / ".qa/store/names/history").rglob("*"))
    project.edit("min_accuracy: 0.9", "min_accuracy: 0.999")
    done = project.qa("check", "digits", "--json")
    assert done.returncode == 1
    assert outcomes(done.stdout)["evaluation: accuracy_sufficient"] == "fail"
    (problem,) = [p for p in lines(done.stdout) if p.get("code") == "GATE_FAILED"]
    assert problem["item"] == "evaluation: accuracy_sufficient"
    assert "0.999" in str(problem["message"])
    assert sorted((project.root / ".qa/store/names/history").rglob("*")) == before


def test_a_failed_gate_says_what_and_keeps_the_last_release(project: Project) -> None:
    names = project.root / ".qa/store/names/latest/digits/release"
    before = names.read_text()
    project.edit("min_accuracy: 0.9", "min_accuracy: 0.999")
    done = project.qa("run", "digits")
    assert done.returncode == 1
    assert "evaluation: accuracy_sufficient" in done.stdout
    assert "Not released" in done.stdout
    assert "0.999" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert names.read_text() == before
    page = (project.root / "reports/digits/report.html").read_text(encoding="utf-8")
    assert "accuracy_sufficient" in page


def test_an_unreadable_image_is_set_aside_and_named(project: Project) -> None:
    (project.root / "data/digits/3/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    done = project.qa("run", "digits", "--until", "dataset_splits", "--json")
    assert done.returncode == 0, done.stdout
    shown = [v for v in lines(done.stdout) if v.get("check") == "quarantine_share"]
    assert (shown[0]["outcome"], shown[0]["blocking"]) == ("pass", True)
    assert "broken.png" in done.stdout
    assert project.qa("run", "digits", "--until", "dataset_snapshot").returncode == 0
    numbers = json.loads((project.root / "reports/digits/dataset_snapshot.json").read_text())
    assert (numbers["samples"], numbers["quarantined"]) == (1797, 1)


def test_unknown_key_is_refused_with_file_and_line(project: Project) -> None:
    project.edit("class_balance:", "class_balence:")
    done = project.qa("run", "digits", "--json")
    assert done.returncode == 2
    (problem,) = lines(done.stdout)
    assert problem["code"] == "CONF_UNKNOWN"
    number = (
        project.settings().read_text().splitlines().index("    class_balence: {max_ratio: 3.0}")
    )
    assert f"defs.yaml:{number + 1}" in str(problem["item"])
    assert "class_balance" in f"{problem['message']} {problem['remedy']}"


@pytest.mark.parametrize(
    ("prepare", "code"),
    [("missing", "SET_MISSING"), ("empty", "SET_EMPTY"), ("one class", "SET_ONE_CLASS")],
)
def test_a_dataset_that_cannot_be_used(empty_project: Project, prepare: str, code: str) -> None:
    empty_project.edit(
        "    embedded: sklearn_digits   # makes that folder where it is missing\n", ""
    )
    folder = empty_project.root / "data/digits"
    if prepare != "missing":
        folder.mkdir(parents=True)
    if prepare == "one class":
        from PIL import Image

        (folder / "0").mkdir()
        for i in range(3):
            Image.new("L", (8, 8), 40 * i).save(folder / f"0/block00_{i}.png")
    done = empty_project.qa("run", "digits", "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    assert code in {p.get("code") for p in lines(done.stdout)}
    assert "Traceback" not in done.stdout + done.stderr


def test_unknown_names_are_refused(finished: Project) -> None:
    for words, code in (
        (("run", "letters", "--json"), "PIPELINE_UNKNOWN"),
        (("run", "digits", "--until", "nothing", "--json"), "ASSET_UNKNOWN"),
    ):
        done = finished.qa(*words)
        assert done.returncode == 2
        assert lines(done.stdout)[0]["code"] == code


def test_nothing_stored_yet(empty_project: Project) -> None:
    for verb in ("check", "report"):
        done = empty_project.qa(verb, "digits", "--json")
        assert done.returncode == 2
        assert lines(done.stdout)[-1]["code"] == "ARTIFACT_MISSING"


def test_status_versions_and_report(finished: Project) -> None:
    status = finished.qa("status", "digits", "--json")
    states = {line["asset"]: line["state"] for line in lines(status.stdout) if "state" in line}
    assert set(states.values()) == {"fresh"}
    (version,) = lines(finished.qa("data", "versions", "digits", "--json").stdout)
    assert (version["samples"], version["classes"], version["now"]) == (1797, 10, "current")
    done = finished.qa("report", "digits", "--json")
    assert done.returncode == 0
    assert Path(str(lines(done.stdout)[0]["report"])).is_file()


def test_doctor_finds_this_machine_fit(finished: Project) -> None:
    done = finished.qa("doctor", "--json")
    assert done.returncode == 0, done.stdout
    assert not [f for f in lines(done.stdout) if f["state"] == "broken"]


def test_it_says_its_version(empty_project: Project) -> None:
    done = empty_project.qa("--version")
    said = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    assert (done.returncode, done.stdout) == (0, f"qa_assets {said['project']['version']}\n")


def test_a_wrong_call_is_no_bug(finished: Project) -> None:
    done = finished.qa("run", "--no-such-option")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_written_is_the_environments_fault(empty_project: Project) -> None:
    (empty_project.root / ".qa").write_text("a file where a folder should be")
    done = empty_project.qa("run", "digits", "--json")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_subfolder_of_the_project_is_the_project(finished: Project) -> None:
    below = finished.root / "data"
    done = Project(below).qa(
        "status", "digits", "--json", QA_ROOT="", QA_DEFS=str(finished.root / "defs")
    )
    assert done.returncode == 0
    assert {line["state"] for line in lines(done.stdout) if "state" in line} == {"fresh"}
