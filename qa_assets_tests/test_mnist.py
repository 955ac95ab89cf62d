"""MNIST as a second pipeline, through the YAML that a user would write."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from qa_assets_tests.conftest import Project, new_project

DEFS = """\
type: qa_assets.component.QaPipeline
attributes:
  name: mnist
  description: Reads one handwritten digit from a 28x28 grey image.
  dataset:
    path: data/mnist
    format: idx
    group_pattern: "((?:t10k|train)-images-idx3-ubyte.gz/00[0-9]{2})"   # a thousand samples
  splits:
    validation_groups: [VALIDATION]
    test_groups: [TEST]
  input: {height: 28, width: 28, channels: 1, scale: 255.0, mean: [0.1307], std: [0.3081]}
  training: {model: model.py, epochs: 3, batch_size: 64}
  edge: {targets: [torch, ort-cpu, ort-int8]}
  first_release: absolute
  gates:
    learning_rate_sane: {}
    overfits_one_batch: {}
    epochs_completed: {min_epochs: 3}
    accuracy_sufficient: {min_accuracy: 0.98}
    labels_unpermuted: {}
    variants_agree: {max_disagreement: 0.01}
    edge_answers: {}
    edge_agrees_with_cloud: {max_disagreement: 0.01}
    edge_stages_agree: {}
"""


def record(project: Project, name: str) -> dict[str, Any]:
    """The latest record of an asset, as it is stored."""
    store = project.root / ".qa" / "store"
    digest = (store / "names" / "latest" / "mnist" / name).read_text().strip()
    return json.loads((store / "objects" / digest[:2] / digest / "record.json").read_bytes())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_mnist_with_the_default_network(shared: Path, tmp_path: Path) -> None:
    project = new_project(tmp_path / "project")
    folder = project.root / "defs" / "mnist"
    folder.mkdir()
    shutil.copy(project.root / "defs" / "digits" / "model.py", folder)
    train = ", ".join(f"train-images-idx3-ubyte.gz/00{i}" for i in range(55, 60))
    test = ", ".join(f"t10k-images-idx3-ubyte.gz/000{i}" for i in range(10))
    text = DEFS.replace("VALIDATION", train).replace("TEST", test)
    (folder / "defs.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(shared / "data" / "mnist", project.root / "data" / "mnist")
    done = project.qa("run", "mnist", seconds=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    found = record(project, "evaluation")
    assert found["accuracy"]["value"] >= 0.985
    wrong = {g[-1]: round((1 - e["value"]) * e["n"]) for g, e in found["by_group"].items()}
    halves = [sum(wrong[k] for k in part) for part in ("01234", "56789")]
    assert halves[0] >= 1.8 * halves[1], "the first half of the test set is the harder one"
    page = json.loads((project.root / "reports" / "mnist" / "report.json").read_bytes())
    flips = {v["asset"].rsplit("/", 1)[-1]: v["measured"] for v in page["verdicts"]
             if v["check"] == "edge_agrees_with_cloud"}  # fmt: skip
    assert flips["torch"] == flips["ort_cpu"] == 0.0, "of all ten thousand"
    assert flips["ort_int8"] <= 0.01
    assert any(s["name"].startswith("group t10k") for s in found["slices"])
