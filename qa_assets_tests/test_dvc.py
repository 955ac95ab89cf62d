"""`dvc repro` is the same graph: same digests as Dagster's run, and nothing the second time."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qa_assets_tests.conftest import REPOSITORY, Project

pytestmark = pytest.mark.slow


def dvc(root: Path, *words: str) -> str:
    """Run dvc there, with ``qa`` and ``dvc`` of this environment and the code of this checkout."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "QA_"))},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(root),
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=root, env=environment, capture_output=True,
        text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of this checkout that a clone would have."""
    root = tmp_path_factory.mktemp("dvc") / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    for name in listed.splitlines():
        if (REPOSITORY / name).is_file() and not name.startswith((".dvc/", "dvc.lock")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, root / name)
    dvc(root, "init", "--no-scm", "-q", "-f")
    return root


def test_repro_gives_dagsters_digests_and_then_does_nothing(clone: Path, finished: Project) -> None:
    first = dvc(clone, "repro")
    assert "Running stage 'release'" in first
    for name in ("dataset_statistics", "trained_weights", "evaluation", "onnx_model"):
        ours = json.loads((clone / f"reports/digits/{name}.json").read_text())
        theirs = json.loads((finished.root / f"reports/digits/{name}.json").read_text())
        assert ours["record"] == theirs["record"], name
    again = dvc(clone, "repro")
    assert "Running stage" not in again
    assert "up to date" in again
    assert "accuracy" in dvc(clone, "metrics", "show", "--json")
