"""Everything shipped is silent: no socket leaves this machine, nothing is written under home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qa_assets import SILENT
from qa_assets_tests.conftest import Project

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
