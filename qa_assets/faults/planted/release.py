"""What happens to evidence between its making and the release."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_assets.core.records.export import MODEL
from qa_assets.core.verdict import Verdict
from qa_assets.faults.fault import fault
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.planted.twice import test_files
from qa_assets.faults.site import Site
from qa_assets.graph import build_graph

TAMPERED = ("ARTIFACT_TAMPERED", "ARTIFACT_MISSING", "GATE_*")
MIXED = ("predictions.other_weights", "edge.other_model", "GATE_EVIDENCE_MIXED")
MISSING = ("evidence.missing",)


def _damaged(site: Site, artifact: str, change: Callable[[Path], None]) -> None:
    def happens(store: Overlay, digest: str) -> None:
        change(store.own_copy(digest))

    site.after[artifact] = happens


def _flip(folder: Path, name: str) -> None:
    place = folder / name
    body = bytearray(place.read_bytes())
    body[len(body) // 2] ^= 1
    place.unlink()
    place.write_bytes(bytes(body))


@fault("release", enters="onnx_model", causes=TAMPERED, source="one flipped bit")
def model_file_tampered(site: Site, dose: float) -> None:
    """One bit of the exported file flips after it was stored."""
    _damaged(site, "onnx_model", lambda folder: _flip(folder, MODEL))


@fault("release", enters="trained_weights", causes=TAMPERED, source="one flipped bit")
def weights_tampered(site: Site, dose: float) -> None:
    """One bit of the weights flips after they were stored."""
    _damaged(site, "trained_weights", lambda folder: _flip(folder, "weights.safetensors"))


@fault("release", enters="evaluation", causes=TAMPERED, source="a number edited by hand")
def evidence_edited(site: Site, dose: float) -> None:
    """The stored accuracy is raised by hand."""

    def edit(folder: Path) -> None:
        place = folder / "record.json"
        text = place.read_text(encoding="utf-8").replace('"value":0.', '"value":1.')
        place.unlink()
        place.write_text(text, encoding="utf-8")

    _damaged(site, "evaluation", edit)


@fault("release", enters="evaluation", causes=TAMPERED, source="a clean-up script")
def evidence_deleted(site: Site, dose: float) -> None:
    """The stored evaluation is gone but for its folder."""

    def empty(folder: Path) -> None:
        for file in folder.iterdir():
            file.unlink()

    _damaged(site, "evaluation", empty)


@fault(
    "release", enters="evaluation", causes=("GATE_FAILED",), source="anyone who can reach the port"
)
def verdict_forged(site: Site, dose: float) -> None:
    """A model that learned next to nothing, and a forged pass for every gate."""
    site.configure("training", epochs=1, learning_rate=1e-5)
    passed = Verdict(outcome="pass", summary="forged", measured=0.0, limit=0.0)
    for posted in build_graph(site.pipeline)[1]:
        site.verdicts[posted.title] = passed


@fault("release", enters="edge_benchmark", causes=MISSING, source="a device that was offline")
def measurement_missing(site: Site, dose: float) -> None:
    """No target was measured."""
    site.culprits |= {"edge_benchmark", "edge_comparison"}
    site.lost |= {
        f"edge_benchmark/{t.replace('-', '_')}" for t in site.pipeline.config.edge.targets
    }


@fault("release", enters="evaluation", causes=MISSING, source="a job that was skipped")
def evaluation_missing(site: Site, dose: float) -> None:
    """The evaluation was never made."""
    site.culprits.add("evaluation")
    site.lost.add("evaluation")


@fault(
    "release", enters="evaluation", causes=("evidence.missing",), source="a library that changed"
)
def measurement_crashed(site: Site, dose: float) -> None:
    """The evaluation ends with an exception."""

    def crash(record: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    site.result("evaluation", crash)


@fault(
    "release",
    enters="baselines",
    causes=("evaluation.baseline_missing",),
    source="a baseline of another version",
)
def baseline_missing(site: Site, dose: float) -> None:
    """There is no baseline to beat."""
    site.result("evaluation", lambda record: replace(record, gains={}))


@fault("release", enters="predictions", causes=MIXED, source="two runs that overlapped")
def predictions_of_other_weights(site: Site, dose: float) -> None:
    """The predictions say that they belong to other weights."""
    site.result("predictions", lambda record: replace(record, weights_digest="0" * 64))


@fault("release", enters="edge_benchmark", causes=MIXED, source="two runs that overlapped")
def benchmark_of_other_model(site: Site, dose: float) -> None:
    """The benchmark says that it ran another file."""
    site.result("edge_benchmark", lambda record: replace(record, model_sha256="0" * 64))


@fault(
    "release",
    enters="dataset_splits",
    mild=0.8,
    clear=0.97,
    source="a test split that shrank",
    causes=("data.class_missing_in_split", "data.too_few_in_split", "SPLIT_*"),
)
def test_split_too_small(site: Site, dose: float) -> None:
    """A share of the test split is not there: too few samples to judge by."""
    site.culprits.add("test")
    for path in site.data.some(dose, test_files(site)):
        path.unlink()


@fault(
    "release",
    enters="release",
    causes=("release.threshold_loosened",),
    source="a gate made green",
)
def threshold_loosened(site: Site, dose: float) -> None:
    """The accuracy and the gain that are asked for become nothing, without review."""
    site.culprits |= {"accuracy_sufficient.min_accuracy", "beats_baselines.min_gain"}
    site.threshold("accuracy_sufficient", min_accuracy=0.0)
    site.threshold("beats_baselines", min_gain=0.0)
