"""From a user's ``model.py`` to a network that keeps the contract, and back from its weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.training import TrainedWeights
from qa_assets.training.user_code import CONTRACT, UserModel, load_model, read_model, user_code

MODEL = "model.py"
WEIGHTS = "weights.safetensors"
State = Mapping[str, Tensor]


def build(model: Path, spec: InputSpec, classes: int) -> nn.Module:
    """A fresh network from a user's file.

    Args:
        model: Its ``network(spec, classes)`` returns an ``nn.Module`` that takes the normalised
            float32 (batch, channel, height, width) and answers logits (batch, class). The optional
            ``FROZEN`` lists beginnings of the names of parameters that are not to be trained.
            Optional too: the functions of :data:`user_code.HOOKS` (``loss``, ``optimizer``,
            ``step``, ``augment``) and ``METRICS``; the training probe tests every one of them.
        spec: Size and channels of the input.
        classes: Number of outputs.

    Raises:
        InputRefused: ``MODEL_MISSING``; ``MODEL_CODE``: an exception in it, with its line;
            ``MODEL_CONTRACT``: what it returns is not what was asked for.
    """
    return make(read_model(model), spec, classes)


def make(model: UserModel, spec: InputSpec, classes: int) -> nn.Module:
    """A fresh network from a loaded file, checked with a batch of one and of more."""
    with user_code(model.name):
        network = model.network(spec, classes)
    if not isinstance(network, nn.Module):
        raise _breach(model.name, f"network() returned {type(network).__name__}.")
    _check_answers(network, model.name, spec, classes)
    _freeze(network, model)
    if not any(p.requires_grad for p in network.parameters()):
        raise _breach(model.name, "the network has no parameter to train.")
    return network


def restore(weights: TrainedWeights, spec: InputSpec, classes: int) -> nn.Module:
    """The trained network of a record, ready to answer.

    Raises:
        InputRefused: ``WEIGHTS_MISMATCH``: the tensors are not those of the network, or not those
            that the record names; ``WEIGHTS_NOT_FINITE``; what :func:`build` raises.
    """
    network = make(load_model(weights.read(MODEL), MODEL), spec, classes)
    try:
        state = load_safetensors(weights.read(WEIGHTS))
    except SafetensorError as error:
        raise _mismatch(f"cannot be read: {error}.") from error
    if weights_digest(state) != weights.weights_digest:
        raise _mismatch("holds other weights than the record names.")
    described, wanted = _describe(state), _describe(network.state_dict())
    differ = sorted(
        k for k in described.keys() | wanted.keys() if described.get(k) != wanted.get(k)
    )
    if differ:
        name = differ[0]
        found, right = described.get(name, "nothing"), wanted.get(name, "nothing")
        raise _mismatch(f"{len(differ)} tensors differ, first {name}: {found} instead of {right}.")
    lost = next((n for n, t in state.items() if not bool(torch.isfinite(t).all())), "")
    if lost:
        message = "holds a value that is not a finite number."
        raise InputRefused.of("WEIGHTS_NOT_FINITE", lost, message, "Train again.")
    network.load_state_dict(state, strict=True)
    return network.eval()


def state_of(network: nn.Module, name: str = MODEL) -> dict[str, Tensor]:
    """A copy of every tensor of a network, on the CPU, sharing no memory."""
    state = network.state_dict()
    odd = [key for key, value in state.items() if not isinstance(value, Tensor)]
    if odd:
        raise _breach(name, f"its state {odd[0]} is no tensor.")
    copies = {k: v.detach().to("cpu", copy=True).contiguous() for k, v in state.items()}
    return {k: v.clone() for k, v in copies.items()}


def weights_bytes(state: State) -> bytes:
    """The tensors as safetensors; one metadata key only, since several have no stable order."""
    return save_safetensors(dict(state), {"weights_digest": weights_digest(state)})


def weights_digest(state: State) -> str:
    """SHA-256 over every tensor's name, dtype, shape and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        head = [name, str(tensor.dtype), list(tensor.shape)]
        digest.update(json.dumps(head).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _check_answers(network: nn.Module, name: str, spec: InputSpec, classes: int) -> None:
    training = network.training
    network.eval()
    for batch in (1, 3):
        pixels = torch.zeros((batch, spec.channels, spec.height, spec.width))
        with user_code(name), torch.no_grad():
            logits: object = network(pixels)
        if not isinstance(logits, Tensor):
            raise _breach(name, f"the network answers {type(logits).__name__}, no tensor.")
        if tuple(logits.shape) != (batch, classes) or not logits.is_floating_point():
            raise _breach(
                name,
                f"the network answers {logits.dtype} {tuple(logits.shape)} to {batch} samples, "
                f"right is floating point {(batch, classes)}.",
            )
    network.train(training)


def _freeze(network: nn.Module, model: UserModel) -> None:
    parameters = dict(network.named_parameters())
    for beginning in model.frozen:
        chosen = [p for name, p in parameters.items() if name.startswith(beginning)]
        if not chosen:
            raise _breach(model.name, f"FROZEN names {beginning!r}; there is no such parameter.")
        for parameter in chosen:
            parameter.requires_grad_(False)


def _describe(state: State) -> dict[str, str]:
    return {
        name: f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for name, t in state.items()
    }


def _breach(name: str, message: str) -> InputRefused:
    return InputRefused.of("MODEL_CONTRACT", name, message, CONTRACT)


def _mismatch(message: str) -> InputRefused:
    return InputRefused.of("WEIGHTS_MISMATCH", WEIGHTS, message, "Train again.")
