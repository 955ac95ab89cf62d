import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from qa_assets.core.config import InputSpec
from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import MODEL
from qa_assets.core.tables import read_array, read_table
from qa_assets.export.finish import finish
from qa_assets.export.onnx_file import export, run_reference
from qa_assets.export.settings import ExportSettings
from qa_assets.preprocessing import image
from qa_assets_tests.export.networks import (
    CLASSES,
    PROVENANCE,
    SPEC,
    WEIGHTS,
    Tiny,
    predictions_of,
    some_samples,
    tiny_onnx,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_file_has_the_agreed_ports_versions_and_no_faults() -> None:
    model = tiny_onnx()
    assert model.inputs == {"pixels": "uint8[batch, 8, 8, 1]"}
    assert model.outputs == {
        "logits": "float32[batch, 5]",
        "probabilities": "float32[batch, 5]",
    }
    assert (model.opset, model.ir_version) == (18, 8)
    assert model.faults == ()
    assert model.external_files == ()
    assert model.operators["Relu"] == 2


def test_its_answers_are_those_of_the_network_behind_the_reference_preprocessing() -> None:
    test, _ = some_samples()
    expected = read_array(predictions_of(Tiny(), test), LOGITS)
    np.testing.assert_allclose(read_array(tiny_onnx(), LOGITS), expected, rtol=1e-4, atol=1e-5)
    assert tuple(read_table(tiny_onnx(), SAMPLES)["id"]) == test.ids


def test_probabilities_are_the_softmax_of_the_logits_for_any_batch() -> None:
    test, _ = some_samples()
    session = ort.InferenceSession(tiny_onnx().read(MODEL))
    for n in (1, 3, 17):
        logits, shares = session.run(None, {"pixels": test.pixels[:n]})
        assert np.asarray(logits).shape == (n, 5)
        exact = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(shares, exact, rtol=1e-5)


def test_a_device_reads_labels_input_and_provenance_from_the_file_itself() -> None:
    meta = ort.InferenceSession(tiny_onnx().read(MODEL)).get_modelmeta().custom_metadata_map
    assert json.loads(meta["labels"]) == list(CLASSES)
    assert json.loads(meta["provenance"]) == PROVENANCE
    assert InputSpec.model_validate_json(meta["input_spec"]) == SPEC
    keys = [e.key for e in onnx.load_model_from_string(tiny_onnx().read(MODEL)).metadata_props]
    assert keys == sorted(meta)
    assert all(canonical_json(json.loads(v)).decode() == v for v in meta.values())
    assert tiny_onnx().weights_digest == WEIGHTS


def test_nothing_of_this_machine_is_in_the_file() -> None:
    body = tiny_onnx().read(MODEL)
    for trace in (ROOT, Path.home(), Path(sys.prefix)):
        assert str(trace).encode() not in body
    proto = onnx.load_model_from_string(body)
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    weights = {t.name for t in proto.graph.initializer}
    assert not weights & {v.name for v in proto.graph.value_info}


def test_a_fixed_batch_is_one_sample() -> None:
    test, _ = some_samples(5)
    fixed = export(Tiny(), test, SPEC, ExportSettings(dynamic_batch=False), PROVENANCE)
    assert fixed.inputs == {"pixels": "uint8[1, 8, 8, 1]"}
    assert fixed.faults == ()
    assert read_array(fixed, LOGITS).shape == (5, 5)


def test_colour_is_normalised_channel_by_channel() -> None:
    spec = replace_spec(channels=3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    pixels = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    test = replace(some_samples(4)[0], pixels=pixels)
    network = Tiny(channels=3).eval()
    model = export(network, test, spec, ExportSettings(opset=20), PROVENANCE)
    with torch.no_grad():
        expected = network(torch.from_numpy(image.normalise(pixels, spec))).numpy()
    assert model.opset == 20
    np.testing.assert_allclose(run_reference(model.read(MODEL), pixels, 3), expected, atol=1e-4)


def replace_spec(**changes: object) -> InputSpec:
    return InputSpec(**{**SPEC.model_dump(), **changes})


def test_exporting_leaves_the_network_as_it_was_and_says_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    network = Tiny().train()
    network.second.eval()
    export(network, some_samples(3)[0], SPEC, ExportSettings(), PROVENANCE)
    assert network.training
    assert not network.second.training
    assert capfd.readouterr() == ("", "")


def test_dropout_is_off_in_the_file() -> None:
    network = torch.nn.Sequential(Tiny(), torch.nn.Dropout(0.9)).train()
    model = export(network, some_samples(3)[0], SPEC, ExportSettings(), PROVENANCE)
    assert "Dropout" not in model.operators


class Branching(torch.nn.Module):
    """Decides by a value: no graph can hold that."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) if x.sum() > 0 else -x.flatten(1)


class OneBatchOnly(torch.nn.Module):
    """Works for two samples and no others."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(2, 64)[:, :5]


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Branching(), "ONNX_EXPORT Branching"),
        (OneBatchOnly(), r"ONNX_CONTRACT .*'pixels' is uint8\[2, 8, 8, 1\]"),
        (torch.nn.Flatten(), r"ONNX_CONTRACT .*'logits' is float32\[batch, 64\]"),
    ],
)
def test_a_network_that_cannot_be_a_classifier_of_pixels_is_refused(
    network: torch.nn.Module, reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        export(network, some_samples(3)[0], SPEC, ExportSettings(), PROVENANCE)


def test_another_opset_than_asked_for_is_refused() -> None:
    with pytest.raises(InputRefused, match=r"ONNX_VERSION.*opset 18, 19 was asked for"):
        finish(onnx.load_model_from_string(tiny_onnx().read(MODEL)), opset=19, properties={})


@pytest.mark.slow
def test_the_bytes_are_the_same_in_any_process_and_folder(tmp_path: Path) -> None:
    source = ROOT / "qa_assets_tests" / "export" / "networks.py"
    ask = "import networks as n; m = n.tiny_onnx(); print(m.sha256, m.digest)"
    answers = set()
    for seed, name in enumerate(("here", "a folder elsewhere/deeper")):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "networks.py").write_bytes(source.read_bytes())
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", "-c", ask]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        answers.add(done.stdout.strip())
    assert answers == {f"{tiny_onnx().sha256} {tiny_onnx().digest}"}
