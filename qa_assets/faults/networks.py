"""The layers of a pipeline's own network, so that a fault in one can be told by its name."""

from typing import Any

from qa_assets.faults.site import Site


def layers(site: Site) -> list[tuple[str, Any]]:
    """Name and module of every layer, in the order of the network's file."""
    from qa_assets.training.network import make
    from qa_assets.training.user_code import read_model

    model = read_model(site.pipeline.folder / site.pipeline.config.training.model)
    network = make(model, site.pipeline.config.input, len(site.data.classes))
    return [(n, m) for n, m in network.named_modules() if not any(True for _ in m.children())]


def weighted(site: Site) -> list[str]:
    """Names of the layers with a matrix or kernels."""
    found = ((n, getattr(m, "weight", None)) for n, m in layers(site))
    return [name for name, weight in found if weight is not None and weight.dim() > 1]


def tensors_of(names: list[str]) -> set[str]:
    """What evidence may call these layers: by themselves, or by their tensors."""
    return {f"{name}{end}" for name in names for end in ("", ".weight", ".bias")}


def activations(site: Site) -> list[str]:
    """Names of the layers that only bend."""
    kinds = ("ReLU", "GELU", "SiLU", "LeakyReLU", "Tanh", "ELU", "Sigmoid")
    return [name for name, module in layers(site) if type(module).__name__ in kinds]


def norms(site: Site) -> set[str]:
    """Names, with their kinds, of the layers that normalise over a batch."""
    kinds = ((n, type(m).__name__) for n, m in layers(site))
    return {f"{name} ({kind})" for name, kind in kinds if "BatchNorm" in kind}
