"""What the network sees is not what it was meant to see, somewhere or everywhere."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from qa_assets.faults.fault import fault
from qa_assets.faults.patches import loaded, replaced
from qa_assets.faults.site import Site

TRAINING = ("trained_weights", "training_probe", "label_audit")
LOOP = ("training.loop", "training.fit")
BOTH = (*LOOP, "evaluation")
"""Where batches are made; the probe keeps its own reference."""
SKEW = ("preprocessing.*",)
HUMBATOVA = "Humbatova et al. (2020), taxonomy of real faults in deep learning"
SCULLEY = "Sculley et al. (2015), hidden technical debt: train-serve skew"


def _normalise_in(
    site: Site, rooms: tuple[str, ...], artifacts: tuple[str, ...], change: Any
) -> None:
    """Let ``change`` see what ``normalise`` answers, in some rooms, while artifacts are made."""

    def different() -> AbstractContextManager[object]:
        loaded("training.fit", "evaluation.predictions", "export.onnx_file")
        from qa_assets.preprocessing.image import normalise

        def other(pixels: Any, spec: Any) -> Any:
            return np.ascontiguousarray(change(normalise(pixels, spec), pixels, spec), np.float32)

        return replaced(normalise, other, rooms=rooms)

    site.while_making(artifacts, different)


def _raw(pixels: Any) -> Any:
    return pixels.astype(np.float32).transpose(0, 3, 1, 2)


@fault("preprocessing", enters="trained_weights", causes=SKEW, source=HUMBATOVA)
def normalisation_missing_in_training(site: Site, dose: float) -> None:
    """Training reads raw pixels, everything after it normalised ones."""
    _normalise_in(site, LOOP, TRAINING, lambda seen, pixels, spec: _raw(pixels))


@fault("preprocessing", enters="predictions", causes=SKEW, source=SCULLEY)
def normalisation_missing_in_python(site: Site, dose: float) -> None:
    """Training and evaluation read raw pixels, the exported model normalises them."""
    places = (*TRAINING, "predictions")
    _normalise_in(
        site,
        BOTH,
        places,
        lambda s, pixels, spec: _raw(pixels),
    )


@fault("preprocessing", enters="predictions", causes=SKEW, source=HUMBATOVA)
def normalisation_doubled(site: Site, dose: float) -> None:
    """Evaluation normalises what is normalised already."""

    def again(seen: Any, pixels: Any, spec: Any) -> Any:
        shape = (1, -1, 1, 1)
        mean, std = np.reshape(spec.mean, shape), np.reshape(spec.std, shape)
        return (seen - mean) / std

    _normalise_in(site, ("evaluation",), ("predictions",), again)


@fault("preprocessing", enters="predictions", causes=SKEW, source=SCULLEY)
def normalisation_in_wrong_order(site: Site, dose: float) -> None:
    """Training and evaluation divide by the deviation before they subtract the mean."""

    def other(seen: Any, pixels: Any, spec: Any) -> Any:
        shape = (1, -1, 1, 1)
        return _raw(pixels) / spec.scale / np.reshape(spec.std, shape) - np.reshape(
            spec.mean, shape
        )

    _normalise_in(site, BOTH, (*TRAINING, "predictions"), other)


@fault("preprocessing", enters="predictions", causes=SKEW, source=SCULLEY)
def transposed_in_python(site: Site, dose: float) -> None:
    """Training and evaluation swap rows and columns, the exported model does not."""
    places = (*TRAINING, "predictions")
    _normalise_in(
        site,
        BOTH,
        places,
        lambda s, p, c: s.transpose(0, 1, 3, 2),
    )


@fault("preprocessing", enters="predictions", causes=SKEW, source=HUMBATOVA)
def transposed_in_evaluation(site: Site, dose: float) -> None:
    """Evaluation alone swaps rows and columns."""
    _normalise_in(site, ("evaluation",), ("predictions",), lambda s, p, c: s.transpose(0, 1, 3, 2))


@fault(
    "preprocessing",
    enters="predictions",
    causes=SKEW,
    mild=0.05,
    clear=0.5,
    source="another mean in the serving code",
)
def mean_of_another_dataset(site: Site, dose: float) -> None:
    """Training and evaluation subtract a mean that is off by a share of the range."""
    places = (*TRAINING, "predictions")
    _normalise_in(
        site,
        BOTH,
        places,
        lambda s, p, c: s - dose / c.std[0],
    )


@fault(
    "preprocessing",
    enters="predictions",
    causes=SKEW,
    mild=0.1,
    clear=0.4,
    source="augmentation left on in evaluation",
)
def augmentation_in_evaluation(site: Site, dose: float) -> None:
    """Evaluation reads noisy pictures shifted by a pixel, as if for training; the dose is noise."""

    def augment(seen: Any, pixels: Any, spec: Any) -> Any:
        return np.roll(seen, 1, axis=3) + site.rng.normal(0.0, dose, seen.shape)

    _normalise_in(site, ("evaluation",), ("predictions",), augment)


@fault(
    "preprocessing",
    enters="predictions",
    causes=("data.labels_misaligned",),
    source="sorted samples, unsorted labels",
)
def labels_misaligned_in_evaluation(site: Site, dose: float) -> None:
    """The labels of the test split are one row off those of its pictures."""
    from qa_assets.core.records.datasets import SAMPLES
    from qa_assets.core.tables import read_table, table_bytes

    def shift(record: Any) -> Any:
        table = read_table(record, SAMPLES)
        table["label"] = np.roll(table["label"].to_numpy(dtype=object), 1)
        files = {**record.files, SAMPLES: table_bytes(table)}
        return replace(record, files=files)

    for artifact in ("predictions", "baselines"):
        site.result(artifact, shift)


@fault(
    "preprocessing",
    enters="trained_weights",
    causes=(*SKEW, "data.scale*", "training.*input*"),
    source="0..1 or 0..255",
)
def scale_declared_wrong(site: Site, dose: float) -> None:
    """The settings say that pixels are in 0..1 already: everywhere they are 255 times too large."""
    site.configure("input", scale=1.0)


@fault(
    "preprocessing",
    enters="trained_weights",
    causes=(*SKEW, "data.*", "training.*input*"),
    source="statistics of another dataset copied with the code",
)
def statistics_of_another_dataset(site: Site, dose: float) -> None:
    """Mean and deviation in the settings are far from those of the data."""
    channels = site.pipeline.config.input.channels
    site.configure("input", mean=(3.0,) * channels, std=(0.02,) * channels)


@fault(
    "preprocessing",
    enters="edge_benchmark",
    causes=("export.input_differs",),
    source="two copies of the input settings",
)
def input_spec_inside_differs(site: Site, dose: float) -> None:
    """The exported file says of itself that it takes another size than it does."""
    import json

    from qa_assets.faults.onnx_edits import edited

    def change(model: Any) -> None:
        for entry in model.metadata_props:
            if entry.key == "input_spec":
                spec = json.loads(entry.value)
                entry.value = json.dumps({**spec, "height": spec["height"] * 2, "mean": [0.0]})

    edited(site, change)


@fault(
    "preprocessing",
    enters="preprocessing_contract",
    causes=("preprocessing.normalisation_changed",),
    mild=0.02,
    clear=0.2,
    source="statistics computed anew, devices not updated",
)
def normalisation_changed_since_release(site: Site, dose: float) -> None:
    """The declared mean differs from the released one by a share of the range, everywhere alike."""
    spec = site.pipeline.config.input
    site.configure("input", mean=tuple(m + dose for m in spec.mean))
