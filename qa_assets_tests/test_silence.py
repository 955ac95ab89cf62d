"""Everything shipped is silent: no socket leaves this machine, nothing is written under home."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from qa_assets import SILENT
from qa_assets.core.errors import EnvironmentFault
from qa_assets.runs import dagster_instance
from qa_assets_tests.conftest import Project
from qa_assets_tests.small import Made, artifacts, definitions, run

MAKES = "Dagster" + "Instance.local_temp"
WATCH = """
import os, sys
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["QA_WATCH"], "a") as log:
            log.write(f"{event} {args[1:] if event == 'socket.connect' else args}\\n")
sys.addaudithook(watch)
"""


def test_the_switches_are_set_before_anything_is_imported() -> None:
    code = "import qa_assets, os, json; print(json.dumps(dict(os.environ)))"
    clean = {k: v for k, v in os.environ.items() if k not in SILENT}
    done = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True)
    for name, value in SILENT.items():
        assert f'"{name}": "{value}"' in done.stdout


def noted(folder: Path) -> list[str]:
    """What Dagster leaves where it notes steps for its makers."""
    found = [*folder.rglob("event.log"), *folder.rglob("id.yaml"), *folder.rglob("user_id.yaml")]
    return [path.relative_to(folder).as_posix() for path in found]


def test_the_instance_of_a_test_notes_nothing(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    assert run(definitions(tmp_path, artifacts(Made()), []), instance).success
    assert noted(tmp_path) == []


def test_every_test_takes_that_instance() -> None:
    folder = Path(__file__).parent
    made = [p.name for p in folder.rglob("*.py") if MAKES in p.read_text("utf-8")]
    assert made == ["conftest.py"]


def test_a_project_without_settings_of_dagster_notes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dagster_instance(tmp_path) as instance:
        assert run(definitions(tmp_path, artifacts(Made()), []), instance).success
    assert noted(tmp_path) == []


@pytest.mark.parametrize("home", ["absent", "relative"])
def test_a_home_that_is_no_folder_is_named(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", home if home == "relative" else str(tmp_path / home))
    with pytest.raises(EnvironmentFault, match="ENV_DAGSTER_HOME"):
        dagster_instance(tmp_path)


@pytest.mark.slow
def test_a_whole_run_opens_no_socket_and_leaves_home_alone(
    empty_project: Project, tmp_path: Path
) -> None:
    home, hook, log = tmp_path / "home", tmp_path / "hook", tmp_path / "sockets.log"
    home.mkdir()
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH)
    path = os.pathsep.join([str(hook), str(Path(__file__).parents[1])])
    done = empty_project.qa(
        "run", "digits", HOME=str(home), PYTHONPATH=path, QA_WATCH=str(log),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert not log.exists(), log.read_text()
    left = [p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()]
    assert left == []
    assert noted(empty_project.root) == []
