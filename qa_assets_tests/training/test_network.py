from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.training import TrainedWeights
from qa_assets.training.network import (
    build,
    restore,
    state_of,
    weights_bytes,
    weights_digest,
)
from qa_assets_tests.training.digits import LINEAR, SHIPPED, SPEC, TWO_LAYERS, written

HEAD = "import torch\nfrom torch import nn\n"
FORWARD = (
    HEAD + "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.layer = nn.Linear(64, 10)\n    def forward(self, x):\n        {}\n"
    "def network(spec, classes):\n    return Net()\n"
)


def refused(path: Path) -> tuple[str, str, str]:
    with pytest.raises(InputRefused) as error:
        build(path, SPEC, 10)
    (problem,) = error.value.problems
    return problem.code, problem.item, problem.message


def test_the_shipped_network_keeps_the_contract() -> None:
    network = build(SHIPPED, SPEC, 10)
    assert network.training
    assert network.eval()(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "model.py")[0] == "MODEL_MISSING"
    assert refused(tmp_path)[0] == "MODEL_MISSING"


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ("x = 1\ndef network(:\n", 2, "SyntaxError"),
        ("\n\nimport not_a_module_of_ours\n", 3, "ModuleNotFoundError"),
        ("def network(spec, classes):\n    return 1 / 0\n", 2, "ZeroDivisionError: division"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        (FORWARD.format("raise KeyError('first')"), 8, "KeyError: 'first'"),
        (FORWARD.format("return self.layer(x)"), 8, "RuntimeError: mat1 and mat2"),
    ],
)
def test_an_exception_in_user_code_is_named_by_its_line(
    tmp_path: Path, source: str, line: int, message: str
) -> None:
    path = written(tmp_path, source)
    code, item, found = refused(path)
    assert (code, item) == ("MODEL_CODE", f"{path}:{line}")
    assert message in found
    assert "Traceback" not in found


def test_an_exception_inside_the_library_has_no_line(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "def network(spec, classes):\n    return nn.Linear(3, 10)\n")
    assert refused(path)[:2] == ("MODEL_CODE", str(path))
    with pytest.raises(InputRefused, match=r"\(batch, channel, height, width\)"):
        build(path, SPEC, 10)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\n", "no function network"),
        ("network = 3\n", "no function network"),
        ("def network(spec, classes):\n    return spec\n", "returned InputSpec"),
        (FORWARD.format("return [x]"), "answers list"),
        (FORWARD.format("return self.layer(x.flatten(1))[:, :9]"), "(1, 9)"),
        (FORWARD.format("return self.layer(x.flatten(1)).mean(0, keepdim=True)"), "3 samples"),
        (FORWARD.format("return self.layer(x.flatten(1)).long()"), "int64"),
        (LINEAR + "FROZEN = 'layer'\n", "FROZEN"),
        (LINEAR + "FROZEN = ('layer',)\n", "FROZEN names 'layer'"),
        (LINEAR + "FROZEN = ('1.',)\n", "no parameter to train"),
    ],
)
def test_what_breaks_the_contract_is_said(tmp_path: Path, source: str, message: str) -> None:
    code, _, found = refused(written(tmp_path, source))
    assert code == "MODEL_CONTRACT"
    assert message in found


def test_a_model_may_hold_dataclasses_and_postponed_annotations(tmp_path: Path) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Size:\n    n: int = 64\n"
        + LINEAR.replace("spec.height", "Size().n // 8")
    )
    source = source.replace("\nfrom torch", "from torch")
    assert build(written(tmp_path, source), SPEC, 10) is not None


def record(source: str, state: dict[str, torch.Tensor], digest: str = "") -> TrainedWeights:
    return TrainedWeights(
        files={"model.py": source.encode(), "weights.safetensors": weights_bytes(state)},
        weights_digest=digest or weights_digest(state),
        parameters=1, initial_loss=2.3, history=(), moved={}, settings={}, environment={},
    )  # fmt: skip


def test_restored_weights_are_those_that_were_stored(tmp_path: Path) -> None:
    network = build(written(tmp_path, TWO_LAYERS), SPEC, 10)
    state = state_of(network)
    restored = restore(record(TWO_LAYERS, state), SPEC, 10)
    assert not restored.training
    assert weights_digest(restored.state_dict()) == weights_digest(state)
    pixels = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(restored(pixels), network.eval()(pixels))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("last.bias"), "1 tensors differ, first last.bias: nothing"),
        (lambda s: s.update(extra=torch.zeros(2)), "first extra: float32[2] instead of nothing"),
        (lambda s: s.update({"last.bias": torch.zeros(9)}), "float32[9] instead of float32[10]"),
        (lambda s: s.update({"last.bias": s["last.bias"].double()}), "float64[10] instead of"),
    ],
)
def test_other_tensors_are_refused(
    tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object], message: str
) -> None:
    state = state_of(build(written(tmp_path, TWO_LAYERS), SPEC, 10))
    change(state)
    with pytest.raises(InputRefused, match="WEIGHTS_MISMATCH") as error:
        restore(record(TWO_LAYERS, state), SPEC, 10)
    assert message in str(error.value)


def test_weights_that_the_record_does_not_name_are_refused(tmp_path: Path) -> None:
    state = state_of(build(written(tmp_path, LINEAR), SPEC, 10))
    with pytest.raises(InputRefused, match="other weights than the record names"):
        restore(record(LINEAR, state, "0" * 64), SPEC, 10)


def test_bytes_that_are_no_safetensors_are_refused() -> None:
    broken = record(LINEAR, {"a": torch.zeros(1)})
    object.__setattr__(broken, "files", {**broken.files, "weights.safetensors": b"PK\x03\x04"})
    with pytest.raises(InputRefused, match="cannot be read"):
        restore(broken, SPEC, 10)


def test_the_digest_depends_on_name_dtype_shape_and_bytes_alone() -> None:
    base = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor(3)}
    digest = weights_digest(base)
    assert digest == weights_digest(dict(reversed(base.items())))
    others = [
        {"c": base["a"], "b": base["b"]},
        {**base, "a": base["a"].reshape(2, 1)},
        {**base, "a": base["a"].view(torch.int32)},
        {**base, "a": torch.tensor([1.0, 2.0000002])},
        {"a": base["a"]},
    ]
    assert len({digest, *(weights_digest(other) for other in others)}) == 6
    assert weights_bytes(base) == weights_bytes(dict(reversed(base.items())))


def test_tied_tensors_are_stored_and_come_back(tmp_path: Path) -> None:
    source = HEAD + (
        "def network(spec, classes):\n    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 64),"
        " nn.Linear(64, 64), nn.Linear(64, 10))\n    net[2].weight = net[1].weight\n"
        "    return net\n"
    )
    state = state_of(build(written(tmp_path, source), SPEC, 10))
    assert weights_digest(restore(record(source, state), SPEC, 10).state_dict()) == weights_digest(
        state
    )
