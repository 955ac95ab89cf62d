"""Several processes that train one network: each takes its share of every batch.

Gradients are averaged over the whole batch before the optimizer steps, so every process takes the
same step. A single process never comes here.
"""

import math
import random
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from qa_assets.core.digests import digest_json
from qa_assets.core.errors import EnvironmentFault
from qa_assets.training.loop import Learner

PEER_LOST = "ENV_PROCESS"


def peer_lost(how: str) -> EnvironmentFault:
    """A process of the team is gone."""
    remedy = "Memory may be short: fewer processes take less. The next run goes on where it stood."
    return EnvironmentFault.of(PEER_LOST, "training.processes", f"the team broke up: {how}", remedy)


@dataclass(frozen=True, slots=True)
class Team:
    """A process among its peers; they have met before.

    Attributes:
        rank: Number of this process.
        size: How many there are.
        device: Where it computes.
        seed: Of the training.
    """

    rank: int
    size: int
    device: str
    seed: int

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each."""
        moved = values.to(self.device)
        try:
            dist.all_reduce(moved)
        except RuntimeError as error:
            raise peer_lost(str(error).splitlines()[0]) from error
        return moved

    def copy_first(self, network: nn.Module) -> None:
        """Begin with the first process's tensors, whatever a network was initialised with."""
        for tensor in network.state_dict().values():
            dist.broadcast(tensor, src=0)


@dataclass(frozen=True, slots=True)
class TeamLearner(Learner):
    """A learner whose steps are those of the whole team.

    Attributes:
        team: The processes.
        step_state: What the step that is being taken has done so far, see :meth:`step`.
    """

    team: Team = field(kw_only=True)
    step_state: dict[str, float] = field(default_factory=dict[str, float])

    def step(self, pixels: Tensor, labels: Tensor) -> float:
        """One step on this process's share of a batch; the mean loss of the whole batch."""
        whole = float(self.team.total(torch.tensor([len(labels)], dtype=torch.float64))[0])
        self.step_state.update(weight=len(labels) / whole, averaged=0.0)
        value = Learner.step(self, pixels, labels)
        if not math.isfinite(value) and not self.step_state["averaged"]:
            self.average(lost=True)  # the others wait for this process in their own step
        weighted = torch.tensor([value * len(labels)], dtype=torch.float64)
        return float(self.team.total(weighted)[0]) / whole

    def average(self, *_: object, lost: bool = False) -> None:
        """Let every process hold the gradient of the whole batch; none where one lost its loss."""
        self.step_state["averaged"] = 1.0
        held = [p for group in self.optimizer.param_groups for p in group["params"]]
        there = [0.0 if p.grad is None or lost else 1.0 for p in held]
        parts = [
            (torch.zeros_like(p) if p.grad is None or lost else p.grad).double().reshape(-1)
            for p in held
        ]
        flags = torch.tensor([float(lost), *there], dtype=torch.float64, device=self.team.device)
        sums = self.team.total(torch.cat([flags, self.step_state["weight"] * torch.cat(parts)]))
        known, place = sums[: len(flags)].tolist(), len(flags)
        for parameter, some in zip(held, known[1:], strict=True):
            mean = sums[place : place + parameter.numel()].reshape(parameter.shape)
            place += parameter.numel()
            parameter.grad = mean.to(parameter.dtype) if some and not known[0] else None

    def begin(self, epoch: int) -> None:
        """Draw other random numbers in each process and epoch, the same ones after a cut."""
        Learner.begin(self, epoch)
        seed = int(digest_json([self.team.seed, self.team.rank, epoch])[:8], 16)
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - a user's model may draw from it

    def settle(self) -> None:
        """Average what each process has gathered by itself, such as running statistics."""
        for buffer in self.network.buffers():
            if buffer.is_floating_point():
                mean = self.team.total(buffer.detach().double()) / self.team.size
                buffer.copy_(mean.to(buffer.dtype))


def together(alone: Learner, team: Team) -> TeamLearner:
    """Join the team with a fresh learner."""
    team.copy_first(alone.network)
    made = TeamLearner(
        alone.network, alone.optimizer, alone.loss, alone.model, alone.rates, team=team
    )
    alone.optimizer.register_step_pre_hook(made.average)
    return made
