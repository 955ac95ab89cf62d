import numpy as np
import pytest
import torch

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.tables import read_array, read_table
from qa_assets.evaluation.predictions import predict, softmax
from qa_assets_tests.training.digits import SPEC, digits

TEST = digits(1350, 1430)


def network() -> torch.nn.Module:
    torch.manual_seed(1)
    layers = torch.nn.Flatten(), torch.nn.Linear(64, 10), torch.nn.Dropout(0.5)
    return torch.nn.Sequential(*layers)


def test_answers_are_those_of_the_network_in_evaluation_mode() -> None:
    net = network()
    spec = InputSpec(height=8, width=8, channels=1, mean=(0.3,), std=(0.4,))
    made = predict(net, TEST, spec, "ab", batch_size=7)
    layer = net[1]
    x = (TEST.pixels.reshape(-1, 64) / 255.0 - 0.3) / 0.4
    right = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
    np.testing.assert_allclose(read_array(made, LOGITS), right, atol=1e-5)
    table = read_table(made, SAMPLES)
    assert list(table["id"]) == list(TEST.ids)
    assert list(table["predicted"]) == [TEST.classes[i] for i in right.argmax(axis=1)]
    assert list(table["label"]) == [TEST.classes[i] for i in TEST.labels]
    assert list(table["group"]) == list(TEST.groups)
    assert (made.samples, made.classes, made.weights_digest) == (80, TEST.classes, "ab")


def test_the_network_and_the_threads_are_left_as_they_were() -> None:
    net, threads = network(), torch.get_num_threads()
    first, again = (predict(net, TEST, SPEC, "", threads=2) for _ in range(2))
    assert net.training
    assert torch.get_num_threads() == threads
    assert first.digest == again.digest


def test_softmax_is_scipys_and_keeps_what_is_not_finite() -> None:
    from scipy.special import softmax as reference

    logits = np.random.default_rng(0).normal(0, 30, (50, 7)).astype(np.float32)
    np.testing.assert_allclose(softmax(logits), reference(logits.astype(float), axis=1), rtol=1e-12)
    assert np.isnan(softmax(np.array([[np.inf, 0.0], [np.nan, 1.0]], np.float32))).any(axis=1).all()


def test_an_empty_split_is_named() -> None:
    with pytest.raises(InputRefused, match="SPLIT_EMPTY test"):
        predict(network(), digits(0, 0), SPEC, "")
