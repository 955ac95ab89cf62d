"""The same random numbers and the same arithmetic for a while, and then everything as it was."""

import os
import random
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch

from qa_assets.core.errors import EnvironmentFault

Device = Literal["cpu", "cuda"]


@contextmanager
def deterministic(seed: int, threads: int, device: Device = "cpu") -> Generator[None]:
    """Fix seeds, threads and algorithms inside; leave no trace of it outside.

    Raises:
        EnvironmentFault: ``ENV_DEVICE``: the machine has no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault.of(
            "ENV_DEVICE", "cuda", "is not on this machine.", "Set training.device to cpu."
        )
    if device == "cuda":  # cuBLAS reads it once, and torch refuses to be deterministic without it
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a user's model may draw from it
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(True)
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
            random.setstate(python)
            np.random.set_state(legacy)  # noqa: NPY002


def environment(threads: int, device: Device) -> dict[str, str]:
    """What the weights depend on beside samples, source and settings; no time and no place."""
    found = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": str(threads),
        "device": device,
        "instructions": torch.backends.cpu.get_cpu_capability(),
    }
    if device == "cuda":
        found["device"] = f"cuda: {torch.cuda.get_device_name()}"
    return found
