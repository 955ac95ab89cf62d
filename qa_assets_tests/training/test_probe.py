"""Faults that train without a word, each planted where a user would make it, and found by name.

A fault sits in a ``model.py``, in settings or in data: never in a fixture that a check could know.
"""
# ruff: noqa: E501 - a planted fault is one line of a user's file, and reads best as one

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from qa_assets.checks import probe as checks
from qa_assets.core.check import CHECKS
from qa_assets.core.config import InputSpec
from qa_assets.core.records.probe import TrainingProbe
from qa_assets.core.verdict import Verdict
from qa_assets.datasets.embedded import grey_png
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples
from qa_assets.training.probe import probe
from qa_assets.training.probe_input import decoded_as
from qa_assets.training.settings import TrainingSettings
from qa_assets_tests.training.digits import SHIPPED, digits, written

SPEC = InputSpec(height=8, width=8, channels=1, mean=(0.305,), std=(0.376,))
TRAIN, HELD = digits(0, 1200), digits(1200, 1350)
PAYLOADS = {i: grey_png(p[..., 0]) for i, p in list(zip(TRAIN.ids, TRAIN.pixels, strict=True))[:64]}
OURS = [c for c in CHECKS.values() if c.module.startswith(checks.__name__)]
HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"

NET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self, spec, classes):
        super().__init__()
        self.first = nn.Conv2d(spec.channels, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(32 * 4, classes)

    def forward(self, x):
        x = F.max_pool2d(self.norm(self.first(x)).relu(), 2)
        x = F.max_pool2d(self.second(x).relu(), 2)
        return self.last(self.drop(x.flatten(1)))


def network(spec, classes):
    net = Net(spec, classes)
    return net
"""
)
STEP = """

def step(network, optimizer, loss, pixels, labels):
    optimizer.zero_grad()
    value = loss(network(pixels), labels)
    value.backward()
    optimizer.step()
    return value.item()
"""
OPTIMIZER = """

def optimizer(network, settings):
    return torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
"""
OWN_LOSS = """

def loss(logits, labels):
    return F.cross_entropy(logits, labels)
"""
WHOLE = NET + STEP + OPTIMIZER + OWN_LOSS
BACK = """

class Bad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1.0

    @staticmethod
    def backward(ctx, gradient):
        return -0.5 * gradient
"""
START = "    net = Net(spec, classes)\n"


def look(
    folder: Path,
    source: str,
    *,
    train: LabelledSamples = TRAIN,
    held: LabelledSamples = HELD,
    spec: InputSpec = SPEC,
    payloads: Mapping[str, bytes] = PAYLOADS,
    **settings: float,
) -> TrainingProbe:
    used = TrainingSettings.model_validate(settings)
    return probe(train, held, payloads, spec, used, written(folder, source))


def failing(found: TrainingProbe) -> dict[str, Verdict]:
    verdicts = {c.name: c({"training_probe": found}, {}) for c in OURS}
    return {name: v for name, v in verdicts.items() if not v.passed}


def changed(*pairs: tuple[str, str], source: str = WHOLE) -> str:
    for old, new in pairs:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("source", [SHIPPED.read_text(encoding="utf-8"), NET, WHOLE])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.slow
def test_a_sound_training_passes(tmp_path: Path, source: str, seed: int) -> None:
    found = look(tmp_path, source, seed=seed)
    assert failing(found) == {}
    assert (found.decoded_is, found.input_is) == ("declared", "declared")


@pytest.mark.slow
def test_the_same_again_is_the_same_record(tmp_path: Path) -> None:
    assert look(tmp_path, WHOLE).digest == look(tmp_path, WHOLE).digest


MODEL_FAULTS = {
    "frozen layer": (
        [(START, START + "    net.second.requires_grad_(False)\n")],
        "gradients_reach_every_layer", "training.layer_frozen", "second.weight",
    ),
    "layer missing from the optimiser": (
        [("Adam(network.parameters()", "Adam([*network.first.parameters(), *network.norm.parameters(), *network.last.parameters()]")],
        "gradients_reach_every_layer", "training.layer_not_optimised", "second.weight",
    ),
    "no zero_grad": (
        [("    optimizer.zero_grad()\n", "")],
        "steps_are_independent", "training.gradients_accumulate", "",
    ),
    "wrong loss: on probabilities": (
        [("F.cross_entropy(logits, labels)", "F.cross_entropy(logits.softmax(1), labels)")],
        "loss_sound", "training.loss_on_probabilities", "",
    ),
    "wrong loss: no logarithm": (
        [("F.cross_entropy(logits, labels)", "F.nll_loss(logits.softmax(1), labels)")],
        "loss_sound", "training.loss_on_probabilities", "",
    ),
    "labels off by one in the loss": (
        [("F.cross_entropy(logits, labels)", "F.cross_entropy(logits, (labels + 1) % logits.shape[1])")],
        "loss_sound", "training.loss_labels_shifted", "",
    ),
    "double softmax": (
        [("self.last(self.drop(x.flatten(1)))", "self.last(self.drop(x.flatten(1))).softmax(1)")],
        "outputs_are_logits", "training.double_softmax", "",
    ),
    "an activation behind the last layer": (
        [("self.last(self.drop(x.flatten(1)))", "self.last(self.drop(x.flatten(1))).relu()")],
        "outputs_are_logits", "training.output_clipped", "output",
    ),
    "a loss that ignores the labels": (
        [("F.cross_entropy(logits, labels)", "F.cross_entropy(logits, logits.argmax(1))")],
        "loss_sound", "training.loss_rewards_wrong", "",
    ),
    "a loss of the other sign": (
        [("F.cross_entropy(logits, labels)", "-F.cross_entropy(logits, labels)")],
        "loss_sound", "training.loss_rewards_wrong", "",
    ),
    "an activation lost": (
        [("F.max_pool2d(self.norm(self.first(x)).relu(), 2)", "F.avg_pool2d(self.norm(self.first(x)), 2)")],
        "layers_bend", "training.activation_missing", "first, second",
    ),
    "half of the picture ignored": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = torch.cat([x[:, :, :4], torch.zeros_like(x[:, :, 4:])], 2)\n")],
        "whole_input_used", "training.input_ignored", "rows 4 to 7",
    ),
    "zero init": (
        [(START, START + "    for p in net.parameters():\n        nn.init.zeros_(p)\n")],
        "gradients_reach_every_layer", "training.zero_init", "first.weight",
    ),
    "dropout left on": (
        [("self.drop(x.flatten(1))", "F.dropout(x.flatten(1), 0.2)")],
        "answers_depend_on_sample_only", "model.dropout_in_eval", "",
    ),
    "dropout module left on": (
        [("self.drop(x.flatten(1))", "self.drop.train()(x.flatten(1))")],
        "answers_depend_on_sample_only", "model.dropout_in_eval", "drop (Dropout)",
    ),
    "batch norm left in train mode": (
        [("self.norm(self.first(x))", "self.norm.train()(self.first(x))")],
        "answers_depend_on_sample_only", "model.batch_norm_in_eval", "norm (BatchNorm2d)",
    ),
    "batch norm without running statistics": (
        [("nn.BatchNorm2d(16)", "nn.BatchNorm2d(16, track_running_stats=False)")],
        "answers_depend_on_sample_only", "model.batch_norm_in_eval", "norm (BatchNorm2d)",
    ),
    "augmentation left on": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = torch.roll(x, int(torch.randint(-2, 3, (1,))), 3)\n")],
        "answers_depend_on_sample_only", "model.augmentation_in_eval", "input",
    ),
    "NaN in one weight": (
        [(START, START + "    net.second.weight.data[3, 2, 1, 1] = float('nan')\n")],
        "starts_like_guessing", "training.weights_not_finite", "second.weight",
    ),
    "doubled normalisation": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = (x - 0.305) / 0.376\n")],
        "input_as_declared", "preprocessing.normalisation_doubled", "",
    ),
    "doubled normalisation with the scale": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = (x / 255 - 0.305) / 0.376\n")],
        "input_as_declared", "preprocessing.normalisation_doubled", "",
    ),
    "missing normalisation": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = (x * 0.376 + 0.305) * 255\n")],
        "input_as_declared", "preprocessing.normalisation_missing", "",
    ),
    "transposed images": (
        [("    def forward(self, x):\n", "    def forward(self, x):\n        x = x.transpose(2, 3)\n")],
        "input_as_declared", "preprocessing.images_transposed", "",
    ),
    "a wrong hand-written gradient": (
        [("class Net", BACK.strip("\n") + "\n\n\nclass Net"), ("self.second(x).relu()", "Bad.apply(self.second(x)).relu()")],
        "loss_sound", "training.gradient_wrong", "",
    ),
    "mode decides": (
        [("self.drop(x.flatten(1))", "x.flatten(1) * (1.0 if self.training else 0.5)")],
        "modes_differ_where_they_may", "model.mode_dependent", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODEL_FAULTS)
@pytest.mark.slow
def test_a_fault_in_the_users_file_is_named(tmp_path: Path, name: str) -> None:
    pairs, check, cause, layer = MODEL_FAULTS[name]
    found = failing(look(tmp_path, changed(*pairs)))
    assert {n: v.outcome for n, v in found.items()}.get(check) == "fail", found
    assert found[check].cause == cause
    assert layer in str(found[check].where)
    consequences = {v.cause for v in found.values() if v.outcome == "fail"}
    assert consequences == {cause}, "a consequence must not be named as another fault"


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"learning_rate": 2.0}, "training.learning_rate_high"),
        ({"learning_rate": 2e-6}, "training.learning_rate_low"),
        ({"learning_rate": 20.0, "optimizer": "sgd"}, "training.learning_rate_high"),
        ({"learning_rate": 2e-5, "optimizer": "sgd"}, "training.learning_rate_low"),
    ],
)
@pytest.mark.slow
def test_a_wrong_learning_rate_is_named(
    tmp_path: Path, settings: dict[str, float], cause: str
) -> None:
    found = failing(look(tmp_path, NET, **settings))
    assert found["learning_rate_sane"].cause == cause
    assert {v.cause for v in found.values()} == {cause}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"scale": 1.0}, "preprocessing.normalisation_missing"),
        ({"scale": 65025.0, "mean": (0.0,), "std": (1.0,)}, "preprocessing.normalisation_doubled"),
    ],
)
@pytest.mark.slow
def test_a_wrong_scale_in_the_settings_is_named(
    tmp_path: Path, change: dict[str, float], cause: str
) -> None:
    found = failing(look(tmp_path, NET, spec=SPEC.model_copy(update=change)))
    assert found["input_as_declared"].cause == cause


@pytest.mark.slow
def test_shuffled_labels_are_named(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    train, held = (replace(s, labels=drawn.permutation(s.labels)) for s in (TRAIN, HELD))
    for side in (HELD, held):
        found = failing(look(tmp_path, NET, train=train, held=side))
        assert {n: v.cause for n, v in found.items()} == {
            "labels_learnable": "data.labels_shuffled"
        }


@pytest.mark.slow
def test_samples_that_are_read_class_by_class_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.argsort(TRAIN.labels, kind="stable")
    ids, groups = (tuple(np.array(v)[rows]) for v in (TRAIN.ids, TRAIN.groups))
    by_class = replace(
        TRAIN, ids=ids, groups=groups, labels=TRAIN.labels[rows], pixels=TRAIN.pixels[rows]
    )
    monkeypatch.setattr("torch.randperm", lambda n, **_: torch.arange(n))
    found = failing(look(tmp_path, NET, train=by_class))
    assert found["batches_mixed"].cause == "training.batches_unmixed"


@pytest.mark.slow
def test_dropout_that_is_too_strong_is_named(tmp_path: Path) -> None:
    found = failing(look(tmp_path, changed(("Dropout(0.2)", "Dropout(0.97)"), source=NET)))
    assert found["overfits_one_batch"].cause == "training.regularised_too_strongly"


@pytest.mark.slow
def test_a_batch_that_training_makes_otherwise_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qa_assets.training.loop.normalise",
        lambda p, s: image.normalise(p, s).swapaxes(2, 3).copy(),
    )
    found = failing(look(tmp_path, NET))
    assert found["input_as_declared"].cause == "preprocessing.images_transposed"


@pytest.mark.slow
def test_labels_of_one_side_off_by_one_are_noticed(tmp_path: Path) -> None:
    train = replace(TRAIN, labels=(TRAIN.labels + 1) % 10)
    assert failing(look(tmp_path, NET, train=train))["labels_learnable"].outcome == "fail"


@pytest.mark.slow
def test_validation_that_is_the_training_set_leaks(tmp_path: Path) -> None:
    few = digits(0, 200)
    found = failing(
        look(
            tmp_path,
            changed(("0.2", "0.0"), source=NET),
            train=few,
            held=few,
            batch_size=4,
            learning_rate=0.003,
        )
    )
    assert found["shuffled_labels_give_chance"].cause == "training.labels_leak"


@pytest.mark.parametrize(
    ("turn", "cause"),
    [
        (lambda p: p.swapaxes(1, 2), "preprocessing.images_transposed"),
        (lambda p: p[:, :, ::-1], "preprocessing.images_turned"),
        (lambda p: 255 - p, "preprocessing.images_inverted"),
    ],
)
@pytest.mark.slow
def test_samples_that_are_decoded_wrongly_are_named(tmp_path: Path, turn, cause: str) -> None:
    pixels = np.ascontiguousarray(turn(TRAIN.pixels))
    found = failing(look(tmp_path, NET, train=replace(TRAIN, pixels=pixels)))
    assert found["input_as_declared"].cause == cause


def test_an_input_that_nothing_explains_is_not_taken_for_the_declared_one(tmp_path: Path) -> None:
    own = ("    def forward(self, x):\n", "    def forward(self, x):\n        x = x.sin() * 1.4\n")
    found = look(tmp_path, changed(own, source=NET))
    assert checks.input_as_declared(found).outcome == "cannot tell"
    assert checks.input_as_declared(found, first_layer="own").passed
    unread = replace(found, decoded_is="other")
    assert checks.input_as_declared(unread, first_layer="own").outcome == "cannot tell"


def test_sixteen_bits_are_decoded_alike() -> None:
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    body = io.BytesIO()
    Image.fromarray(deep).save(body, "PNG")
    few = replace(TRAIN, ids=("a",), pixels=image.decode(body.getvalue(), SPEC)[None])
    assert decoded_as(few, {"a": body.getvalue()}, SPEC) == "declared"


METRIC_FAULTS = {
    "": "(logits.argmax(1) == labels).double().mean()",
    "is not higher for right answers than for wrong ones": "-(logits.argmax(1) == labels).double().mean()",
    "depends on the order of the batch": "(logits.argmax(1) == labels).double()[:7].mean() + logits[0, 0]",
    "is not finite": "logits.mean() / 0",
    "is not finite for logits up to 10000": "-(logits.exp().sum(1).log() - logits[range(len(labels)), labels]).mean()",
}  # fmt: skip


@pytest.mark.parametrize("fault", METRIC_FAULTS)
def test_a_metric_is_tested(tmp_path: Path, fault: str) -> None:
    source = NET + f"\n\nMETRICS = {{'own': lambda logits, labels: {METRIC_FAULTS[fault]}}}\n"
    found = look(tmp_path, source)
    assert found.metrics == ({"own": fault} if fault else {})
    verdict = checks.metrics_sound(found)
    assert verdict.passed is not bool(fault)


def test_a_wrong_layer_of_the_users_own_is_named(tmp_path: Path) -> None:
    own = "class Own(nn.Module):\n    def forward(self, x):\n        return {}\n\n\nclass Net"
    used = ("self.norm(self.first(x))", "self.own(self.norm(self.first(x)))")
    added = ("        self.norm = nn", "        self.own = Own()\n        self.norm = nn")
    for body, fault in (("x.sin() + x", ""), ("Bad.apply(x)", "has a gradient")):
        source = BACK.strip("\n") + "\n\n\n" + own.format(body)
        found = look(tmp_path, changed(("class Net", source), used, added, source=NET))
        verdict = checks.custom_parts_sound(found)
        assert found.parts_tested == ("layer own",)
        assert verdict.passed is not bool(fault)
        assert fault in verdict.summary
        assert verdict.cause == ("model.part_wrong" if fault else "")
        assert verdict.where == ({"layer": "own"} if fault else {})


def test_a_smoothed_loss_is_sound(tmp_path: Path) -> None:
    source = changed(
        ("F.cross_entropy(logits, labels)", "F.cross_entropy(logits, labels, label_smoothing=0.1)")
    )
    assert failing(look(tmp_path, source)) == {}
