"""What users would pick instead, on the same faulted data: who sees which data fault.

``python -m qa_assets_tests.faults.peers`` plants every data fault at its clear dose and asks

    CleanVision    its defaults on the folder of pictures
    Datalab        cleanlab's, on pixels and on probabilities of a linear model, out of fold
    torchmetrics   accuracy, macro F1, AUROC and calibration error of the trained model
    accuracy       the plain gate: two points below the clean model
    GX suites      the pipeline's own Great Expectations suites alone

An auditor of data sees a fault where it reports an issue that it does not report on the clean data,
or of one it does at least twice as many; a metric, where it is two points worse than on the clean
data. What ends with an exception is ``crashed``, which is no answer. The last two, and ours, are
read from the matrix of the last ``qa selftest``.
"""

import contextlib
import io
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qa_assets.artifacts import obtain
from qa_assets.config import Pipeline
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.faults import MATRIX_DATA
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import read_array, read_table
from qa_assets.faults.asset import clean_store
from qa_assets.faults.fault import FAULTS
from qa_assets.faults.harness import kept_in
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.site import copy_site
from qa_assets.graph import build_graph
from qa_assets.runs import find_pipeline

TWICE, WORSE = 2, 0.02
SUITES = ("expectations_hold_on_",)
COLUMNS = ("fault", "these gates", "named", "CleanVision", "Datalab", "torchmetrics", "accuracy",
           "GX suites")  # fmt: skip
Found = Mapping[str, float]


def pixels_of(folder: Path) -> tuple[np.ndarray, list[str]]:
    """Grey pixels of every picture that opens, in [0, 1], and their labels."""
    from PIL import Image

    rows: list[np.ndarray] = []
    labels: list[str] = []
    for path in sorted(p for p in folder.rglob("*.png") if p.is_file()):
        with contextlib.suppress(OSError, SyntaxError), Image.open(path) as image:
            rows.append(np.asarray(image.convert("L").resize((8, 8)), np.float32).ravel() / 255)
            labels.append(path.relative_to(folder).parts[0])
    return np.stack(rows), labels


def cleanvision(folder: Path, pipeline: Pipeline, store: LocalStore) -> Found:
    """Issues by kind, with the library's defaults."""
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder))
    lab.find_issues(n_jobs=1, verbose=False)
    found = lab.issue_summary
    return dict(zip(found["issue_type"], found["num_images"], strict=True))


def datalab(folder: Path, pipeline: Pipeline, store: LocalStore) -> Found:
    """Issues by kind, with the library's defaults."""
    from cleanlab import Datalab
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    features, labels = pixels_of(folder)
    model = LogisticRegression(max_iter=300)
    chances = cross_val_predict(model, features, labels, cv=5, method="predict_proba")
    lab = Datalab(data={"label": labels}, label_name="label", verbosity=0)
    lab.find_issues(pred_probs=chances, features=features)
    found = lab.get_issue_summary()
    return dict(zip(found["issue_type"], found["num_issues"], strict=True))


def torchmetrics(folder: Path, pipeline: Pipeline, store: LocalStore) -> Found:
    """Metrics of the model that the pipeline trains on the data; higher is better."""
    import torch
    from torchmetrics import classification as made

    digests: dict[str, str] = {}
    with kept_in(store):
        artifacts = build_graph(pipeline)[0]
        needed = _needed(artifacts)
        for name in [n for n in artifacts if n in needed]:
            artifact = artifacts[name]
            digests[name] = obtain(artifact, {r: digests[r] for r in artifact.reads}, store).digest
        record: Any = artifacts["predictions"].record.load(store.get(digests["predictions"]))
    logits = torch.from_numpy(read_array(record, LOGITS)).softmax(1)
    places = {name: i for i, name in enumerate(record.classes)}
    labels = torch.tensor([places[label] for label in read_table(record, SAMPLES)["label"]])
    many = len(record.classes)
    return {
        "accuracy": float(made.MulticlassAccuracy(many, average="micro")(logits, labels)),
        "macro F1": float(made.MulticlassF1Score(many)(logits, labels)),
        "AUROC": float(made.MulticlassAUROC(many)(logits, labels)),
        "calibration": 1 - float(made.MulticlassCalibrationError(many)(logits, labels)),
    }


def _needed(artifacts: Mapping[str, Any]) -> set[str]:
    needed, queue = set[str](), ["predictions"]
    while queue:
        name = queue.pop()
        needed.add(name)
        queue += [r for r in artifacts[name].reads if r not in needed]
    return needed


def sees_more(found: Found, clean: Found) -> bool:
    """More than on clean data: a kind that was not there, or twice as many."""
    return any(n > TWICE * clean.get(kind, 0) for kind, n in found.items())


def sees_worse(found: Found, clean: Found) -> bool:
    """A metric that lost two points."""
    return any(found[name] < value - WORSE for name, value in clean.items())


PEERS: Mapping[str, tuple[Callable[..., Found], Callable[[Found, Found], bool]]] = {
    "CleanVision": (cleanvision, sees_more),
    "Datalab": (datalab, sees_more),
    "torchmetrics": (torchmetrics, sees_worse),
}


def asked(ask: Callable[..., Found], *given: object) -> Found | str:
    """What a peer finds, without its chatter; the kind of its exception where it ends with one."""
    silent = io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
            return ask(*given)
    except Exception as error:
        return f"crashed: {type(error).__name__}"
    finally:
        logging.disable(logging.NOTSET)


def main(name: str = "digits") -> None:
    """Print the table, and how many each of them saw."""
    pipeline = find_pipeline(name)
    matrix = pipeline.root / "reports" / name / "selftest" / MATRIX_DATA
    runs = json.loads(matrix.read_text())["faults"] if matrix.is_file() else []
    ours = {r["fault"]: r for r in runs if r["dose"] == "clear"}
    store = clean_store(pipeline)
    source = pipeline.root / pipeline.config.dataset.path
    clean = {n: asked(ask, source, pipeline, store) for n, (ask, _) in PEERS.items()}
    rows: list[tuple[str, ...]] = []
    for fault in (f for f in FAULTS.values() if f.enters == "dataset_snapshot"):
        with tempfile.TemporaryDirectory(dir=store.scratch()) as folder:
            overlay = Overlay(Path(folder) / "store", store)
            site = copy_site(pipeline, f"{fault.name} clear", overlay, Path(folder))
            fault.plant(site, fault.doses["clear"])
            seen = {
                n: _said(asked(ask, site.data.root, site.pipeline, overlay), clean[n], judge)
                for n, (ask, judge) in PEERS.items()
            }
        run = ours.get(fault.name, {})
        suites = any(s in a["gate"] for a in run.get("alarms", []) for s in SUITES)
        read = (run.get("ending", "?"), _yes(run.get("named")))
        rows.append((fault.name, *read, *seen.values(), _yes(run.get("plain_gate")), _yes(suites)))
        sys.stdout.write(f"| {' | '.join(rows[-1])} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"| {' | '.join(COLUMNS)} |\n")
    seen_by = [sum(row[i] in ("yes", "gate", "refusal") for row in rows) for i in range(1, 8)]
    sys.stdout.write(f"| of {len(rows)} seen | {' | '.join(map(str, seen_by))} |\n")


def _said(found: Found | str, clean: Found | str, judge: Callable[[Found, Found], bool]) -> str:
    if isinstance(found, str) or isinstance(clean, str):
        return found if isinstance(found, str) else str(clean)
    return _yes(judge(found, clean))


def _yes(value: object) -> str:
    return "?" if value is None else "yes" if value else "no"


if __name__ == "__main__":
    main(*sys.argv[1:])
