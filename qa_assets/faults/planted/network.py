"""The network is not the one that was meant: what a wrong line in ``model.py`` does."""

from qa_assets.faults.fault import fault
from qa_assets.faults.networks import layers, norms, tensors_of, weighted
from qa_assets.faults.site import Site

DEEPCRIME = "Humbatova et al. (2021), DeepCrime: mutation operators from real faults"
UNTRAINED = ("training.layer_*", "training.frozen*", "training.zero_init")
MODE = ("model.*_in_eval", "model.mode_dependent")

_SWAP = """
def swap(module):
    for name, child in module.named_children():
        if isinstance(child, {kind}):
            setattr(module, name, nn.Identity())
        else:
            swap(child)
swap(made)
"""


_RELU = "(nn.ReLU, nn.GELU, nn.SiLU, nn.LeakyReLU, nn.Tanh, nn.ELU)"
_WEIGHTED = (
    "[(n, m) for n, m in made.named_modules()"
    " if getattr(m, 'weight', None) is not None and m.weight.dim() > 1]"
)


@fault(
    "training", enters="trained_weights", causes=("training.activation_missing",), source=DEEPCRIME
)
def activations_removed(site: Site, dose: float) -> None:
    """No activation function is left: the network is a line, but for its pooling."""
    site.culprits |= set(weighted(site))
    site.network(_SWAP.format(kind=_RELU))


@fault("training", enters="trained_weights", causes=("training.double_softmax",), source=DEEPCRIME)
def softmax_doubled(site: Site, dose: float) -> None:
    """The network answers probabilities, the loss takes them for logits."""
    site.network("made = nn.Sequential(made, nn.Softmax(dim=1))")


@fault("training", enters="trained_weights", causes=("training.output_clipped",), source=DEEPCRIME)
def output_activated(site: Site, dose: float) -> None:
    """A ReLU behind the last layer: no logit is ever negative."""
    site.network("made = nn.Sequential(made, nn.ReLU())")


@fault("training", enters="trained_weights", causes=("training.zero_init",), source=DEEPCRIME)
def weights_zero(site: Site, dose: float) -> None:
    """Every layer begins with weights of zero."""
    site.culprits |= tensors_of(weighted(site))
    site.network(f"with torch.no_grad():\n    for _, m in {_WEIGHTED}:\n        m.weight.zero_()")


@fault(
    "training",
    enters="trained_weights",
    causes=("training.initial_loss_high",),
    mild=5.0,
    clear=30.0,
    source=DEEPCRIME,
)
def weights_too_large(site: Site, dose: float) -> None:
    """The last layer begins with weights that are a factor too large."""
    site.network(
        f"layers = {_WEIGHTED}\nwith torch.no_grad():\n    layers[-1][1].weight.mul_({dose})"
    )


@fault("training", enters="trained_weights", causes=UNTRAINED, source=DEEPCRIME)
def first_layer_frozen(site: Site, dose: float) -> None:
    """The first layer is not trained, and no one declared it."""
    site.culprits |= tensors_of(weighted(site)[:1])
    site.network(f"layers = {_WEIGHTED}\nlayers[0][1].weight.requires_grad_(False)")


@fault("training", enters="trained_weights", causes=UNTRAINED, source=DEEPCRIME)
def last_layer_frozen(site: Site, dose: float) -> None:
    """The last layer is not trained, and no one declared it."""
    site.culprits |= tensors_of(weighted(site)[-1:])
    site.network(
        f"layers = {_WEIGHTED}\nfor p in layers[-1][1].parameters():\n    p.requires_grad_(False)"
    )


@fault("training", enters="trained_weights", causes=UNTRAINED, source="a detach left behind")
def gradient_detached(site: Site, dose: float) -> None:
    """The input of the last layer is detached: nothing before it learns."""
    site.culprits |= tensors_of(weighted(site)[:-1])
    site.network(
        f"layers = {_WEIGHTED}\n"
        "layers[-1][1].register_forward_pre_hook(lambda m, x: (x[0].detach(),))"
    )


@fault(
    "training",
    enters="trained_weights",
    mild=0.85,
    clear=0.95,
    source=DEEPCRIME,
    causes=("training.regularised_too_strongly",),
)
def dropout_too_strong(site: Site, dose: float) -> None:
    """Dropout of a large share before the last layer."""
    site.network(
        f"layers = {_WEIGHTED}\nlast = layers[-1][1]\n"
        f"drop = nn.Dropout({dose})\n"
        "last.register_forward_pre_hook("
        "lambda m, x: (nn.functional.dropout(x[0], drop.p, m.training),))"
    )


@fault("training", enters="predictions", causes=MODE, mild=0.1, clear=0.5, source=DEEPCRIME)
def dropout_always_on(site: Site, dose: float) -> None:
    """Dropout stays on when the model answers, before the first layer."""
    site.culprits |= {"input", f"inner.{layers(site)[0][0]}"}
    site.network(
        "class Always(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n    def forward(self, x):\n"
        f"        return self.inner(nn.functional.dropout(x, {dose}, True))\nmade = Always(made)"
    )


@fault("training", enters="predictions", causes=MODE, source=DEEPCRIME)
def batch_norm_always_training(site: Site, dose: float) -> None:
    """Batch normalisation uses the batch when the model answers: answers depend on neighbours."""
    site.culprits |= norms(site)
    site.network(
        "for m in made.modules():\n    if isinstance(m, nn.modules.batchnorm._BatchNorm):\n"
        "        m.track_running_stats = False\n        m.running_mean = m.running_var = None\n"
        "        m.num_batches_tracked = None"
    )


@fault("training", enters="predictions", causes=MODE, source="softmax over the wrong axis")
def normalised_over_batch(site: Site, dose: float) -> None:
    """The answers are normalised over the samples of a batch and not over the classes."""
    last, module = layers(site)[-1]
    site.culprits |= {"output", f"after inner.{last}", f"inner.{last} ({type(module).__name__})"}
    site.network(
        "class OverBatch(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n    def forward(self, x):\n"
        "        return torch.log_softmax(self.inner(x), dim=0)\nmade = OverBatch(made)"
    )


@fault(
    "training",
    enters="trained_weights",
    source=DEEPCRIME,
    causes=("training.cannot_overfit", "training.activation_missing"),
)
def bottleneck_of_one(site: Site, dose: float) -> None:
    """All information passes one number: the network cannot tell the classes apart."""
    site.network(
        "made = nn.Sequential(nn.Flatten(), nn.Linear(spec.height * spec.width * spec.channels, 1),"
        " nn.Linear(1, classes))"
    )


@fault(
    "training",
    enters="trained_weights",
    source="a window that looks at the wrong part",
    causes=("training.input_ignored",),
)
def half_of_the_input_ignored(site: Site, dose: float) -> None:
    """The network never sees the lower half of the picture."""
    site.network(
        "class Upper(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n    def forward(self, x):\n"
        "        keep = torch.ones_like(x)\n        keep[:, :, x.shape[2] // 2 :] = 0\n"
        "        return self.inner(x * keep)\nmade = Upper(made)"
    )
