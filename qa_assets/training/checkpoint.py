"""Where a training run stood when it was cut off: everything that decides what comes next.

A folder per run, published whole after an epoch and verified before it is read; tensors as
safetensors, the rest as JSON, nothing pickled.
"""

import json
import random
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.publish import publish, verify
from qa_assets.core.records.training import Epoch
from qa_assets.training.loop import Learner

_TENSORS, _REST = "tensors.safetensors", "rest.json"
_NUMBER = "number."


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands after some epochs.

    Attributes:
        initial_loss: Mean loss before the first step.
        history: The epochs that are done.
        best: State of the network after its best epoch, where early stopping asks for it.
    """

    initial_loss: float
    history: tuple[Epoch, ...]
    best: Mapping[str, Tensor]


def keep(
    folder: Path, run: str, learning: Learner, order: torch.Generator, standing: Standing
) -> None:
    """Publish where the run stands; what was kept before goes afterwards.

    Args:
        folder: One a run; it is made.
        run: Identity of the run: digest of samples, settings and source.
        learning: The network and its optimizer.
        order: Draws the order of the samples.
        standing: The rest.
    """
    tensors = {f"network.{k}": v for k, v in learning.network.state_dict().items()}
    tensors |= {f"best.{k}": v for k, v in standing.best.items()}
    tensors |= {"random.torch": torch.get_rng_state(), "random.order": order.get_state()}
    tensors |= _cuda_state()
    slots, numbers = _optimizer_state(learning.optimizer)
    legacy = np.random.get_state(legacy=False)  # noqa: NPY002 - a user's model may draw from it
    assert isinstance(legacy, dict)
    rest = {
        "run": run,
        "initial_loss": repr(standing.initial_loss),
        "history": [{k: repr(v) for k, v in asdict(e).items()} for e in standing.history],
        "numbers": numbers,
        "python": random.getstate(),
        "numpy": _plain(legacy),
    }
    copies = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in (tensors | slots).items()}
    target = folder / f"epoch-{len(standing.history):05d}"
    shutil.rmtree(target, ignore_errors=True)
    publish({_TENSORS: save(copies), _REST: canonical_json(rest)}, target)
    for old in folder.glob("epoch-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def resume(folder: Path, run: str, learning: Learner, order: torch.Generator) -> Standing | None:
    """Put everything back as the newest whole checkpoint of this very run has it.

    Returns:
        Where the run stands; None where there is nothing to go on from.
    """
    for kept in sorted(folder.glob("epoch-*"), reverse=True):
        try:
            verify(kept)
        except InputRefused:
            continue  # cut off or damaged: an older one, or the beginning, will do
        rest: dict[str, Any] = json.loads((kept / _REST).read_bytes())
        if rest["run"] == run:
            return _restore(load_file(kept / _TENSORS), rest, learning, order)
    return None


def forget(folder: Path) -> None:
    """Remove what is no longer needed: the run came to its end."""
    shutil.rmtree(folder, ignore_errors=True)


def _restore(
    tensors: dict[str, Tensor], rest: dict[str, Any], learning: Learner, order: torch.Generator
) -> Standing:
    learning.network.load_state_dict(_below("network.", tensors))
    state = learning.optimizer.state_dict()
    state["state"] = {
        int(i): {**_below(f"optimizer.{i}.", tensors), **_numbers(values)}
        for i, values in rest["numbers"].items()
    }
    learning.optimizer.load_state_dict(state)
    torch.set_rng_state(tensors["random.torch"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    order.set_state(tensors["random.order"])
    version, values, gauss = rest["python"]
    random.setstate((version, tuple(values), gauss))
    np.random.set_state(rest["numpy"])  # noqa: NPY002
    history = tuple(
        Epoch(int(e.pop("epoch")), **{k: float(v) for k, v in e.items()}) for e in rest["history"]
    )
    return Standing(float(rest["initial_loss"]), history, _below("best.", tensors))


def _optimizer_state(
    optimizer: torch.optim.Optimizer,
) -> tuple[dict[str, Tensor], dict[str, dict[str, str]]]:
    """Tensors by name, and plain numbers by the index of their parameter."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, str]] = {}
    for index, slots in optimizer.state_dict()["state"].items():
        numbers[str(index)] = {}
        for name, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            elif value is not None:
                numbers[str(index)][f"{_NUMBER}{name}"] = repr(value)
    return tensors, numbers


def _numbers(values: Mapping[str, str]) -> dict[str, float | int]:
    return {
        name.removeprefix(_NUMBER): float(text) if "." in text else int(text)
        for name, text in values.items()
    }


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _cuda_state() -> dict[str, Tensor]:
    return {"random.cuda": torch.cuda.get_rng_state()} if torch.cuda.is_initialized() else {}


def _plain(value: Any) -> Any:
    """NumPy's generator state as JSON can hold it."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
