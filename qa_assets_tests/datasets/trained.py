"""A small network trained on some of the digits and exported, as a release would ship it."""

from collections.abc import Sequence

import numpy as np

from qa_assets.config import PipelineConfig, read_pipeline
from qa_assets.core.records.datasets import SAMPLES, DatasetSnapshot
from qa_assets.core.records.export import MODEL
from qa_assets.core.tables import read_table
from qa_assets.preprocessing import image
from qa_assets.preprocessing.samples import LabelledSamples, read_payloads
from qa_assets_tests.conftest import REPOSITORY

SHIPPED = REPOSITORY / "qa_assets" / "defs" / "digits"


def settings() -> PipelineConfig:
    return read_pipeline(SHIPPED, REPOSITORY).config


def released_model(snapshot: DatasetSnapshot, ids: Sequence[str]) -> bytes:
    """The digits' own network, trained on ``ids`` as the pipeline would, as a file."""
    from qa_assets.export.onnx_file import export
    from qa_assets.training.fit import fit
    from qa_assets.training.network import restore

    config, kept = settings(), sorted(ids)
    bodies = dict(read_payloads(snapshot, frozenset(kept)))
    labels = read_table(snapshot, SAMPLES).set_index("id")["label"]
    place = {name: n for n, name in enumerate(snapshot.classes)}

    def some(chosen: list[str]) -> LabelledSamples:
        pixels = np.stack([image.decode(bodies[i], config.input) for i in chosen])
        codes = np.array([place[str(labels[i])] for i in chosen])
        return LabelledSamples(tuple(chosen), codes, ("",) * len(chosen), pixels, snapshot.classes)

    train, held_out = [i for n, i in enumerate(kept) if n % 6], kept[::6]
    weights = fit(some(train), some(held_out), config.input, config.training, SHIPPED / "model.py")
    test = some(held_out)
    network = restore(weights, config.input, len(snapshot.classes))
    said = {"pipeline": "digits", "dataset_version": "v", "weights_digest": weights.weights_digest}
    golden = {i: bodies[i] for i in held_out[:4]}
    return export(network, test, config.input, config.export, said, golden=golden).read(MODEL)
