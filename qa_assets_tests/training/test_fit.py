import random
import subprocess
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.publish import publish
from qa_assets.core.records.training import TrainedWeights
from qa_assets.training.determinism import deterministic
from qa_assets.training.fit import fit
from qa_assets.training.network import build, restore
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import (
    LINEAR,
    SHIPPED,
    SPEC,
    TWO_LAYERS,
    ZEROS,
    digits,
    written,
)

TRAIN, VALIDATION = digits(0, 129), digits(1200, 1260)
FEW = TrainingSettings(epochs=2)


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes() -> None:
    first, again = (fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED) for _ in range(2))
    assert first == again
    assert first.content() == again.content()
    other = fit(TRAIN, VALIDATION, SPEC, TrainingSettings(epochs=2, seed=1), SHIPPED)
    assert other.weights_digest != first.weights_digest


@pytest.mark.slow
def test_a_fresh_process_in_another_folder_gives_the_same_record(tmp_path: Path) -> None:
    script = (
        "from qa_assets_tests.training.test_fit import *\n"
        "print(fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED).digest)"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": root},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED).digest, done.stderr


def test_two_steps_of_softmax_regression_are_the_closed_form(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=2, batch_size=1000, optimizer="sgd", learning_rate=0.5)
    made = fit(TRAIN, VALIDATION, SPEC, settings, written(tmp_path, ZEROS))
    x = np.hstack([TRAIN.pixels.reshape(len(TRAIN.ids), -1) / 255.0, np.ones((len(TRAIN.ids), 1))])
    truth = np.eye(10)[TRAIN.labels]
    weights, losses = np.zeros((65, 10)), list[float]()
    for _ in range(2):
        powers = np.exp(x @ weights)
        shares = powers / powers.sum(axis=1, keepdims=True)
        losses.append(-np.log(shares[truth == 1]).mean())
        weights -= 0.5 * x.T @ (shares - truth) / len(x)
    layer = restore(made, SPEC, 10)[1]
    np.testing.assert_allclose(layer.weight.detach().numpy(), weights[:64].T, atol=1e-6)
    np.testing.assert_allclose(layer.bias.detach().numpy(), weights[64], atol=1e-6)
    assert made.initial_loss == pytest.approx(np.log(10), rel=1e-6)
    assert [epoch.train_loss for epoch in made.history] == pytest.approx(losses, rel=1e-5)
    assert made.moved["1.weight"] == pytest.approx(np.linalg.norm(weights[:64]), rel=1e-5)


def test_movement_is_relative_to_the_start(tmp_path: Path) -> None:
    model = written(tmp_path, LINEAR)
    made = fit(TRAIN, VALIDATION, SPEC, FEW, model)
    with deterministic(FEW.seed, 1):
        start = build(model, SPEC, 10).get_parameter("1.weight").detach().numpy()
    end = restore(made, SPEC, 10).get_parameter("1.weight").detach().numpy()
    right = np.linalg.norm(end - start) / np.linalg.norm(start)
    assert made.moved["1.weight"] == pytest.approx(right, rel=1e-5)


def test_the_seed_alone_decides_the_random_numbers(tmp_path: Path) -> None:
    source = "import random\nimport numpy\n" + LINEAR.replace(
        "    return", "    drawn = random.random() + numpy.random.rand()\n    return"
    ).replace("nn.Flatten()", "nn.Flatten(), nn.Hardtanh(0.0, drawn / 2)")
    model, digests = written(tmp_path, source), set[str]()
    for state in (1, 2):
        for seeded in (random.seed, np.random.seed, torch.manual_seed):
            seeded(state)
        digests.add(fit(TRAIN, VALIDATION, SPEC, FEW, model).weights_digest)
    assert len(digests) == 1


def test_the_history_is_what_the_restored_network_does(tmp_path: Path) -> None:
    weights = fit(TRAIN, VALIDATION, SPEC, FEW, written(tmp_path, TWO_LAYERS))
    network = restore(weights, SPEC, 10)
    pixels = torch.from_numpy(VALIDATION.pixels).permute(0, 3, 1, 2) / 255.0
    logits, labels = network(pixels), torch.from_numpy(VALIDATION.labels)
    last = weights.history[-1]
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert last.validation_loss == pytest.approx(loss, rel=1e-5)
    assert last.validation_accuracy == (logits.argmax(1) == labels).double().mean().item()
    assert [epoch.epoch for epoch in weights.history] == [1, 2]


def test_the_run_leaves_no_trace() -> None:
    def numbers() -> tuple:
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    for seeded in (random.seed, np.random.seed, torch.manual_seed):
        seeded(5)
    wanted = numbers()
    for seeded in (random.seed, np.random.seed, torch.manual_seed):
        seeded(5)
    threads = torch.get_num_threads()
    fit(TRAIN, VALIDATION, SPEC, TrainingSettings(epochs=1, threads=2), SHIPPED)
    assert numbers() == wanted
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_each_optimizer_learns_and_decays(
    tmp_path: Path, optimizer: Literal["adam", "adamw", "sgd"]
) -> None:
    rate = 0.1 if optimizer == "sgd" else 0.002
    plain = TrainingSettings(optimizer=optimizer, epochs=8, learning_rate=rate, batch_size=16)
    decayed = plain.model_copy(update={"weight_decay": 0.5})
    model = written(tmp_path, TWO_LAYERS)
    first, second = (fit(TRAIN, VALIDATION, SPEC, s, model) for s in (plain, decayed))
    assert first.history[-1].train_loss < 0.7 * first.initial_loss
    assert first.weights_digest != second.weights_digest


TWO_RATES = (
    f"import torch\n{LINEAR}"
    + """

def optimizer(network, settings):
    weight, bias = network.parameters()
    groups = [{"params": [weight], "lr": 0.1}, {"params": [bias], "lr": 0.01}]
    return torch.optim.SGD(groups, lr=settings.learning_rate)


def step(network, optimizer, loss, pixels, labels):
    print("rates", *(group["lr"] for group in optimizer.param_groups))
    return 1.0
"""
)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_rates_are_those_of_torchs_own_schedule(
    schedule: Literal["constant", "cosine"], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    epochs = 6
    settings = TrainingSettings(epochs=epochs, batch_size=1000, schedule=schedule)
    fit(TRAIN, VALIDATION, SPEC, settings, written(tmp_path, TWO_RATES))
    given = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": [p], "lr": rate} for p, rate in zip(given, (0.1, 0.01), strict=True)]
    optimizer = torch.optim.SGD(groups)
    wanted = list[list[float]]()
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        wanted.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        if schedule == "cosine":
            falling.step()
    said = [line.split()[1:] for line in capfd.readouterr().out.splitlines() if "rates" in line]
    seen = [[float(rate) for rate in line] for line in said]
    assert seen == pytest.approx(np.array(wanted), rel=1e-9)


def test_momentum_reaches_the_optimizer(tmp_path: Path) -> None:
    model = written(tmp_path, LINEAR)
    digests = {
        fit(
            TRAIN, VALIDATION, SPEC, TrainingSettings(optimizer="sgd", epochs=1, momentum=m), model
        ).weights_digest
        for m in (0.0, 0.9)
    }
    assert len(digests) == 2


def test_a_loss_that_is_not_finite_ends_the_run_and_is_recorded(tmp_path: Path) -> None:
    settings = TrainingSettings(optimizer="sgd", learning_rate=1e38, epochs=50)
    weights = fit(TRAIN, VALIDATION, SPEC, settings, written(tmp_path, LINEAR))
    assert len(weights.history) == 1
    assert not np.isfinite(weights.history[-1].train_loss)
    publish(weights.content(), tmp_path / "record")
    loaded = TrainedWeights.load(tmp_path / "record")
    assert loaded.digest == weights.digest
    assert b"<svg" in loaded.read("loss.svg")
    assert loaded.metadata()["epochs"] == 1


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    model = written(tmp_path, TWO_LAYERS + "\n\nFROZEN = ('first.',)\n")
    weights = fit(TRAIN, VALIDATION, SPEC, FEW, model)
    assert weights.frozen == ("first.weight", "first.bias")
    assert {name for name, change in weights.moved.items() if change == 0} == set(weights.frozen)
    assert weights.parameters == 16 * 2 + 16 * 10 + 10


def test_a_last_batch_of_one_joins_its_neighbour(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=1, batch_size=32)  # 129 samples: four batches and one
    trained = fit(TRAIN, VALIDATION, SPEC, settings, written(tmp_path, TWO_LAYERS))
    assert trained.moved["norm.weight"] > 0, "batch normalisation refuses a batch of one"
    assert trained.samples["train"] % settings.batch_size == 1


def test_progress_is_told_and_its_faults_are_not_the_models(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED, report=lambda *said: told.append(said))
    assert [share for _, share in told] == [0.5, 1.0]
    assert told[0][0].startswith("epoch 1 of 2: loss ")

    def broken(text: str, share: float) -> None:
        raise RuntimeError("the terminal is gone")

    with pytest.raises(RuntimeError, match="terminal"):
        fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED, report=broken)


def test_code_that_fails_only_in_training_is_named(tmp_path: Path) -> None:
    source = TWO_LAYERS.replace(
        "        return self.last",
        "        assert not self.training, 'boom'\n        return self.last",
    )
    with pytest.raises(InputRefused, match=r"MODEL_CODE .*model\.py:13: AssertionError: boom"):
        fit(TRAIN, VALIDATION, SPEC, FEW, written(tmp_path, source))


def test_an_empty_split_is_named() -> None:
    with pytest.raises(InputRefused, match="SPLIT_EMPTY validation"):
        fit(TRAIN, digits(0, 0), SPEC, FEW, SHIPPED)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_an_absent_device_is_the_environments_fault() -> None:
    with pytest.raises(EnvironmentFault, match="ENV_DEVICE"), deterministic(0, 1, "cuda"):
        pass


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_repeats_itself() -> None:
    settings = TrainingSettings(epochs=2, device="cuda")
    first, again = (fit(TRAIN, VALIDATION, SPEC, settings, SHIPPED) for _ in range(2))
    assert first.weights_digest == again.weights_digest
    assert first.environment["device"].startswith("cuda: ")


def test_nothing_tells_time_or_place() -> None:
    weights = fit(TRAIN, VALIDATION, SPEC, FEW, SHIPPED)
    body = weights.content()["record.json"] + weights.read("weights.safetensors")
    assert str(SHIPPED.parent).encode() not in body
    assert set(weights.environment) == {"torch", "numpy", "threads", "device", "instructions"}
