"""Ten faults once more, written differently: the same gates catch them.

Another class, another layer, another dose, another place in the code. A gate that had learnt the
first implementation by heart would be silent here.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from qa_assets.core.store import LocalStore
from qa_assets.faults.asset import clean_store
from qa_assets.faults.course import follow
from qa_assets.faults.fault import Fault
from qa_assets.faults.harness import kept_in, run_fault
from qa_assets.faults.onnx_edits import edited, rewrite, tensors
from qa_assets.faults.planted.edge import deployed, worker_code
from qa_assets.faults.site import Site
from qa_assets.graph import build_graph
from qa_assets.runs import find_pipeline
from qa_assets_tests.conftest import Project

Written = tuple[Callable[[Site, float], None], str]


def every_seventh_label_is_the_next(site: Site, dose: float) -> None:
    files, classes = site.data.files(), site.data.classes
    for path in files[:: round(1 / dose)]:
        label = site.data.label(path)
        site.data.relabel(path, classes[(classes.index(label) + 1) % len(classes)])


def last_class_gone(site: Site, dose: float) -> None:
    for path in site.data.files(site.data.classes[-1]):
        path.unlink()


def files_without_their_head(site: Site, dose: float) -> None:
    for path in site.data.files()[:: round(1 / dose)]:
        site.data.write(path, path.read_bytes()[10:])


def pictures_grey(site: Site, dose: float) -> None:
    site.data.repaint(site.data.files()[:: round(1 / dose)], lambda p: p * 0.3 + 128)


def second_convolution_frozen(site: Site, dose: float) -> None:
    site.network("for p in list(made.parameters())[3:6]:\n    p.requires_grad = False")


def probabilities_by_hand(site: Site, dose: float) -> None:
    site.network(
        "class Shares(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n    def forward(self, x):\n        e = self.inner(x).exp()\n"
        "        return e / e.sum(1, keepdim=True)\nmade = Shares(made)"
    )


def rate_a_tenth_of_a_thousandth(site: Site, dose: float) -> None:
    site.configure("training", learning_rate=1e-6, optimizer="adamw")


def smallest_kernel_negated(site: Site, dose: float) -> None:
    edited(site, lambda m: rewrite(tensors(m)[0], np.negative))


def device_mirrors(site: Site, dose: float) -> None:
    worker_code(
        site,
        "_plain = dict(DECODERS)\n"
        "for _name in _plain:\n"
        "    DECODERS[_name] = lambda b, s, n=_name: np.fliplr(_plain[n](b, s)).copy()",
    )


def device_has_zeroed_a_kernel(site: Site, dose: float) -> None:
    deployed(site, lambda m: rewrite(tensors(m)[1], np.zeros_like))


WRITTEN: dict[str, Written] = {
    "labels_flipped": (every_seventh_label_is_the_next, "few_suspicious_labels"),
    "class_missing": (last_class_gone, "expectations_hold_on_samples"),
    "files_truncated": (files_without_their_head, "quarantine_share"),
    "pictures_overexposed": (pictures_grey, "expectations_hold_on_quality"),
    "first_layer_frozen": (second_convolution_frozen, "gradients_reach_every_layer"),
    "softmax_doubled": (probabilities_by_hand, "outputs_are_logits"),
    "learning_rate_too_small": (rate_a_tenth_of_a_thousandth, "learning_rate_sane"),
    "bias_lost": (smallest_kernel_negated, "onnx_agrees_with_torch"),
    "device_transposes": (device_mirrors, "edge_stages_agree"),
    "device_runs_stale_weights": (device_has_zeroed_a_kernel, "edge_stages_agree"),
}


@pytest.fixture(scope="module")
def clean(
    finished: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, LocalStore, float]:
    project = replace(finished, root=tmp_path_factory.mktemp("clean") / "project")
    shutil.copytree(finished.root, project.root, symlinks=True)
    patch = pytest.MonkeyPatch()
    patch.setenv("QA_ROOT", str(project.root))
    patch.setenv("QA_DEFS", str(project.root / "defs"))
    pipeline = find_pipeline("digits")
    store = clean_store(pipeline)
    with kept_in(store):
        course = follow(*build_graph(pipeline), store, everything=True)
    patch.undo()
    assert not course.findings
    assert course.accuracy
    return project, store, course.accuracy


@pytest.mark.slow
@pytest.mark.parametrize("first", WRITTEN)
def test_the_same_gate_catches_another_implementation(
    first: str, clean: tuple[Project, LocalStore, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, store, accuracy = clean
    monkeypatch.setenv("QA_ROOT", str(project.root))
    monkeypatch.setenv("QA_DEFS", str(project.root / "defs"))
    plant, gate = WRITTEN[first]
    fault = Fault(
        name=plant.__name__, plant=plant, stage="data", enters="", causes=("*",),
        doses={"clear": 1 / 7}, source="this test", about="",
    )  # fmt: skip
    found = run_fault(find_pipeline("digits"), fault, "clear", store, accuracy)
    assert found.ending == "gate"
    assert gate in {alarm.gate.split(": ")[-1] for alarm in found.alarms}, found
