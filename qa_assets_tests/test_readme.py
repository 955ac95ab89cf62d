"""What the README says is true: its example runs, its commands exist, its files are there."""

import re
import subprocess

import pytest

from qa_assets_tests.conftest import REPOSITORY, Project

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first code block of a language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no {language} block"
    return found[1]


@pytest.mark.slow
def test_the_users_own_dataset_and_model_run(empty_project: Project) -> None:
    """As a user would do it: the two files of the README and a folder of images."""
    import numpy as np
    from PIL import Image

    root, random = empty_project.root, np.random.default_rng(0)
    folder = root / "defs" / "tiles"
    folder.mkdir()
    settings = block("yaml").replace("height: 96, width: 96", "height: 16, width: 16")
    (folder / "defs.yaml").write_text(settings)
    (folder / "model.py").write_text(block("python"))
    for kind, level in (("scratched", 60), ("whole", 180)):
        (root / "data/tiles" / kind).mkdir(parents=True)
        for n in range(250):
            pixels = np.clip(random.normal(level, 25, (16, 16)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / f"data/tiles/{kind}/{n}.png")
    done = empty_project.qa("run", "tiles")
    assert "dataset_splits" in done.stdout, done.stdout + done.stderr
    assert "beats_baselines" in done.stdout
    assert done.returncode == 1, "the linear baseline is as good, and the gate says so"
    assert "baseline_not_beaten" in done.stdout
    assert (root / "reports/tiles/report.html").is_file()


def test_every_command_exists(finished: Project) -> None:
    verbs = set(re.findall(r"`qa (\w+)", README))
    assert {"run", "check", "report", "status", "data", "doctor"} <= verbs
    for verb in verbs:
        assert finished.qa(verb, "--help").returncode == 0, verb


def test_every_file_it_names_is_there() -> None:
    for name in re.findall(r"\]\((docs/[^)]+|qa_assets/[^)]+)\)", README):
        assert (REPOSITORY / name).is_file(), name


def test_make_offers_what_it_says() -> None:
    for target in set(re.findall(r"`?make (\w+)", README)) - {"are"}:
        done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True)
        assert done.returncode == 0, target
