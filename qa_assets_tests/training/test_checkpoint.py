"""A training that was cut off ends with the very weights of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from qa_assets.core.publish import MANIFEST
from qa_assets.core.records.training import TrainedWeights
from qa_assets.training.fit import best_epoch, fit
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import SHIPPED, SPEC, TWO_LAYERS, digits, written

TRAIN, VALIDATION = digits(0, 200), digits(1200, 1260)
NOISY = (
    "import random\nimport numpy\nimport torch\n"
    + TWO_LAYERS
    + """

def augment(pixels):
    return pixels + random.random() * numpy.random.rand() * torch.rand(1) / 10
"""
)


class CutError(Exception):
    pass


def cut_after(epochs: int, model: Path, settings: TrainingSettings, folder: Path) -> None:
    def report(text: str, share: float) -> None:
        if text.startswith(f"epoch {epochs} "):
            raise CutError

    with pytest.raises(CutError):
        fit(TRAIN, VALIDATION, SPEC, settings, model, report=report, unfinished=folder)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("source", [None, NOISY])
def test_a_cut_changes_nothing(tmp_path: Path, optimizer: str, source: str | None) -> None:
    settings = TrainingSettings.model_validate(
        {"epochs": 5, "optimizer": optimizer, "patience": 5, "schedule": "cosine"}
        | ({"momentum": 0.9, "learning_rate": 0.05} if optimizer == "sgd" else {})
    )
    model = written(tmp_path, source) if source else SHIPPED
    whole = fit(TRAIN, VALIDATION, SPEC, settings, model)
    for epochs in (1, 3):
        cut_after(epochs, model, settings, tmp_path / "unfinished")
    again = fit(TRAIN, VALIDATION, SPEC, settings, model, unfinished=tmp_path / "unfinished")
    assert again.content() == whole.content()
    assert not (tmp_path / "unfinished").exists(), "what is finished leaves nothing behind"


def test_what_was_kept_is_gone_on_with(tmp_path: Path) -> None:
    settings, told = TrainingSettings(epochs=4), list[str]()
    cut_after(3, SHIPPED, settings, tmp_path)
    fit(TRAIN, VALIDATION, SPEC, settings, SHIPPED, unfinished=tmp_path,
        report=lambda text, _: told.append(text.split(":")[0]))  # fmt: skip
    assert told == ["epoch 3 of 4", "epoch 4 of 4"]


@pytest.mark.parametrize("change", ["settings", "data", "damage"])
def test_another_run_or_a_damaged_one_is_not_gone_on_with(tmp_path: Path, change: str) -> None:
    settings = TrainingSettings(epochs=3, seed=1 if change == "settings" else 0)
    train = digits(0, 210) if change == "data" else TRAIN
    cut_after(2, SHIPPED, TrainingSettings(epochs=3), tmp_path)
    if change == "damage":
        (kept,) = tmp_path.glob("epoch-*")
        body = bytearray((kept / "tensors.safetensors").read_bytes())
        body[-3] ^= 1
        (kept / "tensors.safetensors").write_bytes(body)
        assert (kept / MANIFEST).is_file()
    whole = fit(train, VALIDATION, SPEC, settings, SHIPPED)
    assert fit(train, VALIDATION, SPEC, settings, SHIPPED, unfinished=tmp_path) == whole


def reached(folder: Path) -> int:
    return max((int(p.name.split("-")[1]) for p in folder.glob("epoch-*")), default=0)


@pytest.mark.slow
def test_sigkill_at_any_time_changes_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from qa_assets_tests.training.test_checkpoint import *\n"
        "made = fit(TRAIN, VALIDATION, SPEC, TrainingSettings(epochs=40), SHIPPED,\n"
        "           unfinished=Path(sys.argv[1]))\n"
        "print(made.digest, flush=True)\n"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "unfinished")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    for epoch in (1, 7, 20):
        started = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        assert started.stdout
        while started.poll() is None and reached(tmp_path / "unfinished") < epoch:
            time.sleep(0.002)
        started.send_signal(signal.SIGKILL)
        assert started.wait() == -signal.SIGKILL
        started.stdout.close()
        assert reached(tmp_path / "unfinished") >= epoch
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    settings = TrainingSettings(epochs=40)
    whole = fit(TRAIN, VALIDATION, SPEC, settings, SHIPPED)
    assert done.stdout.split()[-1] == whole.digest


def test_early_stopping_keeps_the_best_epoch() -> None:
    settings = TrainingSettings(epochs=60, patience=3, learning_rate=0.02)
    made = fit(TRAIN, VALIDATION, SPEC, settings, SHIPPED)
    best = best_epoch(made.history)
    assert len(made.history) == best + 3 < 60
    assert made.kept_epoch == best
    assert made.history[best - 1].validation_loss == min(e.validation_loss for e in made.history)
    until = fit(TRAIN, VALIDATION, SPEC, settings.model_copy(update={"epochs": best}), SHIPPED)
    assert until.weights_digest == made.weights_digest
    assert isinstance(made, TrainedWeights)
    assert torch.get_num_threads() >= 1
