"""Fixtures that every test may use."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import dagster as dg

BESIDE = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and bad inputs, which is never part of the project."""
    folder = Path(os.environ.get("QA_SHARED", BESIDE))
    if not folder.is_dir():
        pytest.skip(
            f"needs the shared test data: {folder} is absent; QA_SHARED may name its folder"
        )
    return folder


REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Project:
    """A project folder of a user's own, and the command line in it."""

    root: Path

    def qa(
        self, *words: str, seconds: float = 300, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``qa`` there, as a user would."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "QA_"))}
        return subprocess.run(
            [sys.executable, "-c", "from qa_assets.cli import main; main()", *words],
            cwd=self.root,
            env={**inherited, "QA_ROOT": str(self.root), **self.own_defs(), **environment},
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def own_defs(self) -> dict[str, str]:
        """Where its pipelines are, when they are not the shipped ones."""
        return {"QA_DEFS": str(self.root / "defs")} if (self.root / "defs").is_dir() else {}

    def settings(self, pipeline: str = "digits") -> Path:
        """The ``defs.yaml`` of one of its own pipelines."""
        return self.root / "defs" / pipeline / "defs.yaml"

    def edit(self, old: str, new: str, pipeline: str = "digits") -> None:
        """Change its settings as a person would in an editor."""
        path = self.settings(pipeline)
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def new_project(root: Path) -> Project:
    """An empty project with its own copy of the digits pipeline."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("workspace.yaml", "dagster.yaml"):
        shutil.copy(REPOSITORY / name, root / name)
    shutil.copytree(REPOSITORY / "qa_assets" / "defs" / "digits", root / "defs" / "digits")
    return Project(root)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the digits have been through the whole graph, once; not to be changed."""
    project = new_project(tmp_path_factory.mktemp("finished") / "project")
    done = project.qa("run", "digits")
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.fixture
def project(finished: Project, tmp_path: Path) -> Project:
    """A copy of the finished project that a test may change."""
    root = tmp_path / "project"
    shutil.copytree(finished.root, root, symlinks=True)
    return Project(root)


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    """A project in which nothing has run yet."""
    return new_project(tmp_path / "project")


@pytest.fixture
def instance(tmp_path: Path) -> "Iterator[dg.DagsterInstance]":
    """A Dagster instance of a test's own, silent: Dagster would note its steps in DAGSTER_HOME."""
    import dagster as dg

    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}}) as found:
        yield found
