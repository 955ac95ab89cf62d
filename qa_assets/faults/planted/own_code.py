"""What a user adds to ``model.py``, a little wrong."""

from qa_assets.faults.fault import fault
from qa_assets.faults.site import Site

HUMBATOVA = "Humbatova et al. (2020), taxonomy of real faults in deep learning"
MADE = "trained_weights"


@fault("training", enters=MADE, causes=("training.metric_wrong",), source=HUMBATOVA)
def metric_of_the_wrong_axis(site: Site, dose: float) -> None:
    """A metric takes the largest value over the samples and not over the classes."""
    site.culprits.add("own")
    site.model_file(
        "METRICS = {'own': lambda logits, labels: "
        "(logits.argmax(dim=0)[labels] == labels).double().mean()}\n"
    )


@fault("training", enters=MADE, causes=("model.mode_dependent",), source="a scale for training")
def answers_depend_on_the_mode(site: Site, dose: float) -> None:
    """The network halves its answers in evaluation, which no layer would."""
    site.network(_around("return out * (1.0 if self.training else 0.5)"))


@fault(
    "training",
    enters=MADE,
    causes=("model.part_wrong", "training.gradient_wrong"),
    source="a backward written by hand",
)
def own_gradient_wrong(site: Site, dose: float) -> None:
    """A layer of the user's own in front has a backward of half the size."""
    site.network(
        "class Half(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        return x * 1.0\n    @staticmethod\n    def backward(ctx, g):\n"
        "        return 0.5 * g\n"
        "class Own(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.scale = nn.Parameter(torch.ones(1))\n"
        "    def forward(self, x):\n        return Half.apply(x * self.scale)\n"
        "made = nn.Sequential(Own(), made)"
    )


@fault(
    "training",
    enters=MADE,
    causes=("behavior.not_invariant", "behavior.less_robust"),
    source="a shortcut: Geirhos et al. (2020), Shortcut learning in deep neural networks",
)
def network_follows_the_light(site: Site, dose: float) -> None:
    """The network adds to its answers what the mean light of the picture says of the class."""
    site.network(
        _around(
            "light = x.mean(dim=(1, 2, 3)).unsqueeze(1)",
            "return out + 10 * light * torch.linspace(-1, 1, out.shape[1])",
        )
    )


def _around(*lines: str) -> str:
    """A module around the network, which makes something else of its answers ``out``."""
    forward = "".join(f"        {line}\n" for line in lines)
    return (
        "class Around(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n    def forward(self, x):\n        out = self.inner(x)\n"
        f"{forward}made = Around(made)"
    )
