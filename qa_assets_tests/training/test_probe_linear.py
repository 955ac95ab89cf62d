"""Two layers with nothing that bends between them are found, whatever else lies there."""

import pytest
import torch
from torch import nn

from qa_assets.training.probe_answers import blind, clipped
from qa_assets.training.probe_linear import linear

PIXELS = torch.randn((6, 1, 8, 8), generator=torch.Generator().manual_seed(0))


def net(*between: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *between, nn.Conv2d(4, 4, 3, padding=1))


@pytest.mark.parametrize(
    "between",
    [(nn.ReLU(),), (nn.BatchNorm2d(4), nn.GELU()), (nn.MaxPool2d(2),), (nn.Dropout(), nn.Tanh())],
)
def test_what_bends_is_no_finding(between: tuple[nn.Module, ...]) -> None:
    assert linear(net(*between), PIXELS) == ()


@pytest.mark.parametrize(
    "between", [(), (nn.BatchNorm2d(4),), (nn.AvgPool2d(2),), (nn.Dropout(),), (nn.Identity(),)]
)
def test_what_is_straight_is_found(between: tuple[nn.Module, ...]) -> None:
    assert linear(net(*between), PIXELS) == (f"0 -> {len(between) + 1}",)


def test_a_layer_that_is_called_twice_is_left_alone_and_the_mode_is_kept() -> None:
    shared = nn.Conv2d(1, 1, 3, padding=1)
    network = nn.Sequential(shared, shared).train()
    assert linear(network, PIXELS) == ()
    assert network.training


def test_an_activation_behind_the_last_layer_cuts_answers_off() -> None:
    torch.manual_seed(2)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    assert clipped(plain, PIXELS) < 0.1
    assert clipped(nn.Sequential(plain, nn.ReLU()), PIXELS) > 0.2
    nn.init.zeros_(plain[1].weight)
    nn.init.zeros_(plain[1].bias)
    assert clipped(plain, PIXELS) == 0.0, "equal answers are another fault"


def test_a_part_of_the_input_that_nothing_depends_on_is_found() -> None:
    class Upper(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x[:, :, :4].flatten(1)

    torch.manual_seed(3)
    assert blind(nn.Sequential(nn.Flatten(), nn.Linear(64, 5)), PIXELS) == (0.0, "")
    share, place = blind(nn.Sequential(Upper(), nn.Linear(32, 5)), PIXELS)
    assert share == 0.5
    assert place == "rows 4 to 7"
    detached = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    detached[1].register_forward_pre_hook(lambda _, x: (x[0].detach(),))
    assert blind(detached, PIXELS) == (0.0, "")
