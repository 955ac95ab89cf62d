"""Training in two processes: the same record again, cut off or not, and errors by their name."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.records.training import TrainedWeights
from qa_assets.training.fit import fit
from qa_assets.training.loop import Batches
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import SHIPPED, SPEC, TWO_LAYERS, digits, written

TRAIN, VALIDATION = digits(0, 400), digits(1200, 1300)
TWO = TrainingSettings(epochs=3, processes=2, patience=3)
SMOOTH = TWO_LAYERS.replace("self.norm(self.first(x.flatten(1)))", "self.first(x.flatten(1))")


@pytest.fixture(scope="module")
def whole() -> TrainedWeights:
    return fit(TRAIN, VALIDATION, SPEC, TWO, SHIPPED)


@pytest.mark.slow
def test_the_record_is_the_usual_one_and_the_same_again(whole: TrainedWeights) -> None:
    again = fit(TRAIN, VALIDATION, SPEC, TWO, SHIPPED)
    assert again.content() == whole.content()
    assert whole.settings["processes"] == 2
    assert len(whole.history) == 3
    assert whole.history[-1].train_loss < whole.initial_loss / 2
    assert set(whole.files) == {"model.py", "weights.safetensors", "loss.svg"}


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    """Without anything that differs between processes, a batch in two parts is the same batch."""
    model = written(tmp_path, SMOOTH)
    one, two = (
        fit(
            TRAIN,
            VALIDATION,
            SPEC,
            TrainingSettings(epochs=3, processes=n, schedule="cosine"),
            model,
        )
        for n in (1, 2)
    )
    for a, b in zip(one.history, two.history, strict=True):
        assert b.train_loss == pytest.approx(a.train_loss, rel=1e-4)
        assert b.validation_loss == pytest.approx(a.validation_loss, rel=1e-4)
    assert two.initial_loss == pytest.approx(one.initial_loss, rel=1e-6)


def test_the_parts_of_a_batch_are_the_batch() -> None:
    few = Batches(digits(0, 131), SPEC)

    def rows(**part: int) -> list[torch.Tensor]:
        order = torch.Generator().manual_seed(1)
        return [labels for _, labels in few.shuffled(32, order, **part)]

    plain, parts = rows(), [rows(part=p, parts=2) for p in (0, 1)]
    assert [len(b) for b in plain] == [32, 32, 32, 32, 3]
    assert [len(b) for b in parts[0]] == [16, 16, 16, 18], "three cannot be shared by two"
    for number in range(3):
        joined = torch.stack([p[number] for p in parts], dim=1).flatten()
        assert torch.equal(joined, plain[number])


KILLED = """
import sys
from pathlib import Path

from qa_assets_tests.training.test_processes import SHIPPED, SPEC, TRAIN, TWO, VALIDATION, fit

if __name__ == "__main__":
    fit(TRAIN, VALIDATION, SPEC, TWO, SHIPPED, unfinished=Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_and_started_again_it_ends_with_the_same_weights(
    whole: TrainedWeights, tmp_path: Path
) -> None:
    folder, script = tmp_path / "unfinished", tmp_path / "run.py"
    script.write_text(KILLED, encoding="utf-8")
    run = subprocess.Popen([sys.executable, str(script), str(folder)])
    begun = time.monotonic()
    while not list(folder.glob("epoch-0000[12]")):
        assert run.poll() is None, "it ended before it could be killed"
        assert time.monotonic() - begun < 120
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    again = fit(TRAIN, VALIDATION, SPEC, TWO, SHIPPED, unfinished=folder)
    assert again.weights_digest == whole.weights_digest
    assert again.content() == whole.content()
    assert not folder.exists()


FAILING = """
import torch.distributed as dist


def augment(pixels):
    if dist.get_rank() == 1:
        {body}
    return pixels
"""


@pytest.mark.slow
def test_the_error_of_a_process_is_named_with_its_line(tmp_path: Path) -> None:
    model = written(tmp_path, TWO_LAYERS + FAILING.format(body="raise ValueError('no such thing')"))
    with pytest.raises(
        InputRefused, match=r"MODEL_CODE .*model\.py:\d+: ValueError: no such thing"
    ):
        fit(TRAIN, VALIDATION, SPEC, TWO, model)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_process_that_is_killed_is_named(tmp_path: Path) -> None:
    body = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    model = written(tmp_path, TWO_LAYERS + FAILING.format(body=body))
    with pytest.raises(EnvironmentFault, match="ENV_PROCESS .*process 1 was ended by SIGKILL"):
        fit(TRAIN, VALIDATION, SPEC, TWO, model)


@pytest.mark.slow
def test_a_loss_that_is_lost_in_one_process_ends_all(tmp_path: Path) -> None:
    model = written(tmp_path, TWO_LAYERS + FAILING.format(body="pixels = pixels / 0"))
    made = fit(TRAIN, VALIDATION, SPEC, TWO, model)
    assert len(made.history) == 1
    assert not np.isfinite(made.history[0].train_loss)


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValidationError, match="8 or more"):
        TrainingSettings(batch_size=6, processes=4)
    with pytest.raises(InputRefused, match="TRAIN_PROCESSES"):
        fit(digits(0, 3), VALIDATION, SPEC, TWO, SHIPPED)
