"""The device does something else than the model that was exported."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from qa_assets.core.records.export import MODEL
from qa_assets.faults.fault import fault
from qa_assets.faults.onnx_edits import released_node, rewrite, tensors
from qa_assets.faults.patches import attribute
from qa_assets.faults.site import Site

EDGE = "edge_benchmark"
EVERYWHERE = (EDGE, "edge_comparison", "latency_duel")
"""The device is the same one, whoever asks it."""
OTHER = ("preprocessing.*",)
ANOTHER = ("edge.other_model",)
PCAMINI = "differences between decoders and runtimes seen on phones: Cidon et al. (2021)"
_MAIN = 'if __name__ == "__main__":'


def worker_code(site: Site, code: str) -> None:
    """Let the worker on the device have ``code`` in it, before it begins."""

    def different() -> AbstractContextManager[object]:
        from qa_assets.edge import worker

        text = Path(worker.__file__).read_text(encoding="utf-8")
        folder = site.pipeline.root
        with NamedTemporaryFile("w", suffix=".py", dir=folder, delete=False, encoding="utf-8") as f:
            f.write(text.replace(_MAIN, f"{code}\n\n{_MAIN}"))
        return attribute(worker, "__file__", f.name)

    site.while_making(EVERYWHERE, different)


def _decoder(site: Site, change: str) -> None:
    """Change the pixels ``p`` that every decoder of the device delivers; ``s`` is the spec."""
    body = f"lambda b, s, d=d: (lambda p: {change})(d(b, s))"
    worker_code(site, f"DECODERS = {{n: {body} for n, d in DECODERS.items()}}")


def deployed(site: Site, change: Callable[[Any], object]) -> None:
    """Let the device run another file than the one that was exported, under its name."""

    def other(record: Any) -> Any:
        import onnx

        proto = onnx.load_from_string(record.read(MODEL))
        change(proto)
        return replace(record, files={**record.files, MODEL: proto.SerializeToString()})

    site.input(EDGE, "onnx_model", other)


@fault("edge", enters=EDGE, causes=OTHER, source=PCAMINI)
def device_transposes(site: Site, dose: float) -> None:
    """The device's decoder swaps rows and columns."""
    _decoder(site, "np.ascontiguousarray(p.swapaxes(0, 1))")


@fault("edge", enters=EDGE, causes=OTHER, source="frame buffers upside down")
def device_flips(site: Site, dose: float) -> None:
    """The device's decoder delivers the last row first."""
    _decoder(site, "np.ascontiguousarray(p[::-1])")


@fault("edge", enters=EDGE, causes=OTHER, source="a sensor that counts darkness")
def device_inverts(site: Site, dose: float) -> None:
    """The device's decoder delivers negatives."""
    _decoder(site, "255 - p")


@fault("edge", enters=EDGE, causes=OTHER, mild=1.1, clear=2.2, source=PCAMINI)
def device_gamma(site: Site, dose: float) -> None:
    """The device's decoder applies a gamma."""
    _decoder(site, f"np.rint(255 * (p / 255) ** {dose}).astype(np.uint8)")


@fault(
    "edge", enters=EDGE, causes=OTHER, mild=1.0, clear=3.0, source="a driver that clears low bits"
)
def device_loses_bits(site: Site, dose: float) -> None:
    """The device's camera path delivers fewer bits."""
    _decoder(site, f"(p >> {int(dose) + 1}) << {int(dose) + 1}")


@fault("edge", enters=EDGE, causes=OTHER, source="video range")
def device_limited_range(site: Site, dose: float) -> None:
    """The device's decoder delivers 16..235, as video does."""
    _decoder(site, "np.rint(16 + p * (219 / 255)).astype(np.uint8)")


@fault("edge", enters=EDGE, causes=OTHER, source=PCAMINI)
def device_shifts(site: Site, dose: float) -> None:
    """The device's decoder is off by one column."""
    _decoder(site, "np.roll(p, 1, axis=1)")


@fault("edge", enters=EDGE, causes=OTHER, mild=0.5, clear=1.0, source=PCAMINI)
def device_resizes_otherwise(site: Site, dose: float) -> None:
    """The device shrinks and enlarges the picture on the way, as far as the dose says."""
    larger = "np.repeat(np.repeat(p[::2, ::2], 2, axis=0), 2, axis=1)"
    change = f"{larger}[: p.shape[0], : p.shape[1]]"
    _decoder(site, f"np.rint({1 - dose} * p + {dose} * {change}).astype(np.uint8)")


@fault("edge", enters=EDGE, causes=OTHER, mild=0.02, clear=0.3, source="unstable memory")
def device_drops_pixels(site: Site, dose: float) -> None:
    """The device loses a share of the samples' pixels: whole pictures arrive black."""
    seed = int(site.rng.integers(2**31))
    worker_code(
        site,
        f"_lost = np.random.default_rng({seed})\n"
        "DECODERS = {n: lambda b, s, d=d: d(b, s) * np.uint8(_lost.random() >= "
        f"{dose}) for n, d in DECODERS.items()}}",
    )


@fault("edge", enters=EDGE, causes=ANOTHER, source="a device that was not updated")
def device_runs_stale_weights(site: Site, dose: float) -> None:
    """The device runs the file of an earlier training, under the new name."""

    def older(values: Any) -> Any:
        return values + site.rng.normal(0.0, values.std(), values.shape)

    deployed(site, lambda m: [rewrite(t, older) for t in tensors(m)])


@fault(
    "edge",
    enters=EDGE,
    causes=("edge.weights_*", "edge.reduced_precision", "edge.model_departs"),
    mild=6.0,
    clear=3.0,
    source="the vendor's compiler quantises",
)
def device_quantises(site: Site, dose: float) -> None:
    """The runtime on the device rounds the weights of every file it loads to a few bits."""
    site.culprits.add(released_node(site, "Conv", "Gemm", "MatMul"))
    _compiler(
        site,
        "    for t in model.graph.initializer:\n        if len(t.dims) > 1:\n"
        "            v = numpy_helper.to_array(t)\n"
        f"            step = np.abs(v).max() / 2 ** ({dose} - 1) or 1.0\n"
        "            v = (np.round(v / step) * step).astype(v.dtype)\n"
        "            t.CopyFrom(numpy_helper.from_array(v, t.name))\n",
    )


@fault("edge", enters=EDGE, causes=("edge.activation*",), source="an operator the runtime ignores")
def device_skips_activation(site: Site, dose: float) -> None:
    """The device's runtime does not run the first activation of a file."""
    site.culprits.add(released_node(site, "Relu", "Sigmoid", "Tanh"))
    _compiler(
        site,
        "    gone = [n for n in model.graph.node if n.op_type in ('Relu', 'Sigmoid', 'Tanh')][:1]\n"
        "    for n in gone:\n        n.op_type = 'Identity'\n",
    )


def _compiler(site: Site, change: str) -> None:
    """Change the ``model`` that the device's runtime has loaded, whatever file that is."""
    worker_code(
        site,
        "_clean_open = OnnxRuntime.__init__\n\n\ndef _compile(self, path, options):\n"
        "    import onnx\n    from onnx import numpy_helper\n\n    model = onnx.load(path)\n"
        f"{change}    onnx.save(model, path + '.compiled')\n"
        "    _clean_open(self, path + '.compiled', options)\n\n\n"
        "OnnxRuntime.__init__ = _compile",
    )


@fault(
    "edge",
    enters=EDGE,
    causes=("edge.output*", "postprocessing.*"),
    source="outputs by position",
)
def device_reads_wrong_output(site: Site, dose: float) -> None:
    """The device reads the output before the last one: probabilities instead of logits."""
    power = "np.exp(o - o.max(1, keepdims=True))"
    _answers(site, f"{power} / {power}.sum(1, keepdims=True)")


@fault(
    "edge",
    enters=EDGE,
    causes=("edge.labels*", "postprocessing.labels_permuted"),
    source="a label file of another model",
)
def device_label_map_shifted(site: Site, dose: float) -> None:
    """The device's list of classes is one off."""
    _answers(site, "np.roll(o, 1, axis=1)")


@fault(
    "edge",
    enters=EDGE,
    causes=("edge.not_finite*",),
    mild=0.02,
    clear=0.3,
    source="an overflow in half precision",
)
def device_answers_not_finite(site: Site, dose: float) -> None:
    """A share of the device's answers is not a number."""
    lost = f"(np.arange(len(o)) % {round(1 / dose)} == 0)[:, None]"
    _answers(site, f"np.where({lost}, np.nan, o).astype(np.float32)")


def _answers(site: Site, change: str) -> None:
    """Change the logits ``o`` that the runtime of the device answers, and nothing before them."""
    worker_code(
        site,
        "_clean_measure = OnnxRuntime.infer\n\n\n"
        "def _other(self, pixels):\n    o = _clean_measure(self, pixels)\n"
        f"    return {change} if o.shape[1:] == ({len(site.data.classes)},) else o\n\n\n"
        "OnnxRuntime.infer = _other",
    )
