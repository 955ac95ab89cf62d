"""Runs a user's ``model.py`` and turns whatever goes wrong in it into words: file, line, reason."""

import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import EnvironmentFault, InputRefused

MODULE_PREFIX = "qa_model_"
"""Begins the module name of every class that a ``model.py`` defines."""
CONTRACT = "It defines network(spec, classes) and returns an nn.Module that answers logits."
TAKES = f"{CONTRACT} It is given float32 (batch, channel, height, width), as input: declares."
HOOKS: Mapping[str, str] = {
    "loss": "loss(logits, labels) -> mean loss, instead of cross entropy",
    "optimizer": "optimizer(network, settings) -> torch optimizer, instead of training.optimizer",
    "step": "step(network, optimizer, loss, pixels, labels) -> loss: one step, with its gradients",
    "augment": "augment(pixels) -> pixels: while training only",
}
"""What a model.py may bring beside the network; the training probe tests each of them."""
_MEMORY = ("can't allocate memory", "not enough memory", "out of memory")


@dataclass(frozen=True, slots=True)
class UserModel:
    """A loaded ``model.py``.

    Attributes:
        name: The file's name, for messages.
        source: Its bytes, as they were run.
        network: Its function ``network(spec, classes)``.
        frozen: Its optional ``FROZEN``: beginnings of the names of parameters not to be trained.
        hooks: Its optional functions by name, see :data:`HOOKS`.
        metrics: Its optional ``METRICS``: functions ``(logits, labels) -> float`` by name, the
            more the better.
    """

    name: str
    source: bytes
    network: Callable[..., object]
    frozen: tuple[str, ...] = ()
    hooks: Mapping[str, Callable[..., Any]] = field(default_factory=dict[str, Callable[..., Any]])
    metrics: Mapping[str, Callable[..., Any]] = field(default_factory=dict[str, Callable[..., Any]])


def read_model(path: Path) -> UserModel:
    """Load a network's source file.

    Raises:
        InputRefused: ``MODEL_MISSING``, ``MODEL_CODE`` or ``MODEL_CONTRACT``.
    """
    try:
        source = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise InputRefused.of("MODEL_MISSING", str(path), "is not a file.", CONTRACT) from error
    return load_model(source, str(path))


def load_model(source: bytes, name: str) -> UserModel:
    """Run the source of a network; one file, which imports nothing from beside it."""
    module = ModuleType(f"{MODULE_PREFIX}{digest_bytes(source)[:16]}")
    module.__file__ = name
    sys.modules[module.__name__] = module  # where dataclasses and type hints look their module up
    with user_code(name):
        exec(compile(source, name, "exec"), module.__dict__)
    network: Any = getattr(module, "network", None)
    if not callable(network):
        raise InputRefused.of("MODEL_CONTRACT", name, "has no function network.", CONTRACT)
    frozen: Any = getattr(module, "FROZEN", ())
    if not isinstance(frozen, list | tuple) or not all(isinstance(f, str) for f in frozen):
        raise InputRefused.of(
            "MODEL_CONTRACT", name, "FROZEN is no list of texts.", 'For example FROZEN = ("stem.",)'
        )
    metrics: Any = getattr(module, "METRICS", {})
    if not isinstance(metrics, dict) or not all(callable(m) for m in metrics.values()):
        raise InputRefused.of(
            "MODEL_CONTRACT", name, "METRICS is no dict of functions.", 'METRICS = {"top2": top2}'
        )
    return UserModel(name, source, network, tuple(frozen), _hooks(module, name), dict(metrics))


def _hooks(module: ModuleType, name: str) -> dict[str, Callable[..., Any]]:
    """The optional functions; one that is imported, such as torch's ``loss``, counts as well."""
    found = {hook: getattr(module, hook) for hook in HOOKS if hasattr(module, hook)}
    for hook, value in found.items():
        if not callable(value):
            message = f"{hook} is no function."
            raise InputRefused.of("MODEL_CONTRACT", name, message, f"Right is {HOOKS[hook]}.")
    return found


@contextmanager
def user_code(name: str) -> Generator[None]:
    """Refuse the file ``name`` for any exception raised inside.

    Raises:
        InputRefused: ``MODEL_CODE`` with the line in that file, where one is known.
        EnvironmentFault: ``ENV_MEMORY``.
    """
    try:
        yield
    except (InputRefused, EnvironmentFault):
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, MemoryError) or any(m in str(error) for m in _MEMORY):
            message = f"ran out of memory: {str(error)[:200]}"
            remedy = "A smaller training.batch_size takes less."
            raise EnvironmentFault.of("ENV_MEMORY", name, message, remedy) from error
        line = _line(error, name)
        item = f"{name}:{line}" if line else name
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        said = f"{type(error).__name__}: {reason}"
        raise InputRefused.of(
            "MODEL_CODE", item, said, "Mend it there." if line else TAKES
        ) from error


def _line(error: BaseException, name: str) -> int | None:
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == name), None)
