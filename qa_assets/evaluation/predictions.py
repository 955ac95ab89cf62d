"""What the trained network answers on the test split."""

from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from qa_assets.core.config import InputSpec
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS, Predictions
from qa_assets.core.tables import array_bytes, table_bytes
from qa_assets.evaluation.scores import softmax
from qa_assets.preprocessing.image import normalise
from qa_assets.preprocessing.recognise import given_as
from qa_assets.preprocessing.samples import LabelledSamples, not_empty


def predict(
    network: nn.Module,
    test: LabelledSamples,
    spec: InputSpec,
    weights_digest: str,
    *,
    batch_size: int = 256,
    threads: int = 1,
) -> Predictions:
    """Answer every sample in evaluation mode.

    Args:
        network: Takes float32 (batch, channel, height, width), answers logits (batch, class).
        test: The samples.
        spec: How pixels are normalised.
        weights_digest: Of the network's weights; it says whose answers these are.
        batch_size: Samples at once.
        threads: Processor threads while it runs; the answers depend on them in the last bits.

    Raises:
        InputRefused: ``SPLIT_EMPTY``.
    """
    not_empty(test=test)
    batches: list[NDArray[np.float32]] = []
    seen: list[torch.Tensor] = []
    with _answering(network, threads), _watched(network, seen):
        for start in range(0, len(test.ids), batch_size):
            pixels = normalise(test.pixels[start : start + batch_size], spec)
            aligned = torch.from_numpy(pixels).clone()  # the last bits may depend on the address
            batches.append(network(aligned).float().numpy())
    logits = np.concatenate(batches)
    names = np.array(test.classes, dtype=object)
    top = logits.argmax(axis=1)
    frame = pd.DataFrame(
        {
            "id": list(test.ids),
            "label": names[test.labels],
            "group": list(test.groups),
            "attributes": list(test.attributes) or "",
            "predicted": names[top],
            "confidence": softmax(logits)[np.arange(len(top)), top],
            "brightness": test.pixels.mean(axis=(1, 2, 3)) / 255,
            "contrast": test.pixels.std(axis=(1, 2, 3)) / 255,
        }
    )
    return Predictions(
        files={SAMPLES: table_bytes(frame), LOGITS: array_bytes(logits)},
        samples=len(test.ids),
        classes=test.classes,
        weights_digest=weights_digest,
        input_is=given_as(seen[0].cpu().numpy(), test.pixels[: len(seen[0])], spec),
    )


@contextmanager
def _watched(network: nn.Module, seen: list[torch.Tensor]) -> Generator[None]:
    """Keep the first batch that the network is given."""

    def look(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        if not seen:
            seen.append(given[0].detach().clone())

    hook = network.register_forward_pre_hook(look)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _answering(network: nn.Module, threads: int) -> Generator[None]:
    training, before = network.training, torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        network.eval()
        with torch.inference_mode():
            yield
    finally:
        network.train(training)
        torch.set_num_threads(before)
