import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qa_assets.core.errors import InputRefused
from qa_assets.core.records.export import MODEL
from qa_assets.export.contract import Inspection, Ports, expected_ports, inspect
from qa_assets.export.settings import ContractLimits
from qa_assets_tests.export.networks import CLASSES, SPEC, tiny_onnx

PORTS = expected_ports(SPEC, len(CLASSES), dynamic_batch=True)
LIMITS = ContractLimits()


def look(edit: Callable[[onnx.ModelProto], object], limits: ContractLimits = LIMITS) -> Inspection:
    proto = onnx.load_model_from_string(tiny_onnx().read(MODEL))
    edit(proto)
    return inspect(proto.SerializeToString(), PORTS, limits)


def keep_outside(proto: onnx.ModelProto) -> None:
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL
    tensor.external_data.add(key="location", value="../weights.bin")


def drop_property(proto: onnx.ModelProto) -> None:
    del proto.metadata_props[1]


def say_where(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].doc_string = 'File "/home/someone/net.py", line 12, in forward'


def name_folder(proto: onnx.ModelProto) -> None:
    proto.metadata_props.add(key="remark", value='"C:\\models\\net.pt"')


def foreign(proto: onnx.ModelProto) -> None:
    proto.graph.node[3].domain = "com.vendor"


def unknown(proto: onnx.ModelProto) -> None:
    proto.graph.node[3].op_type = "Frobnicate"


def other_batch(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def lose_output(proto: onnx.ModelProto) -> None:
    del proto.graph.output[1]


def cut_wire(proto: onnx.ModelProto) -> None:
    proto.graph.node[3].input[0] = "ghost"


def newer(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 999


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        (keep_outside, "ONNX_EXTERNAL", "../weights.bin"),
        (drop_property, "ONNX_META", "'labels' is missing"),
        (say_where, "ONNX_META", "/home/someone/net.py"),
        (name_folder, "ONNX_META", "models"),
        (foreign, "ONNX_OP", "com.vendor"),
        (unknown, "ONNX_OP", "Frobnicate"),
        (other_batch, "ONNX_CONTRACT", "Expected is uint8[batch, 8, 8, 1]"),
        (lose_output, "ONNX_CONTRACT", "probabilities"),
        (cut_wire, "ONNX_INVALID", "ghost"),
        (newer, "ONNX_VERSION", "999"),
    ],
)
def test_each_fault_is_named(
    edit: Callable[[onnx.ModelProto], None], code: str, words: str
) -> None:
    faults = look(edit).faults
    assert code in {fault.code for fault in faults}
    assert any(words in str(fault) for fault in faults)


def test_a_good_file_has_no_fault_and_labels_may_look_like_paths() -> None:
    def label(proto: onnx.ModelProto) -> None:
        proto.metadata_props[1].value = '["/m/01g317", "/m/0k4j/x"]'

    assert look(lambda proto: None).faults == ()
    assert look(label).faults == ()


def test_files_needed_beside_it_are_listed() -> None:
    assert look(keep_outside).external_files == ("../weights.bin",)


@pytest.mark.parametrize("body", [b"", b"<html>404</html>", b"\x08\x08"])
def test_what_is_no_model_is_refused(body: bytes) -> None:
    with pytest.raises(InputRefused, match="ONNX_CORRUPT"):
        inspect(body, PORTS, LIMITS)


def test_a_file_beyond_the_limit_is_not_parsed() -> None:
    with pytest.raises(InputRefused, match="ONNX_SIZE"):
        inspect(bytes((1 << 20) + 1), PORTS, ContractLimits(max_mib=1))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(0), bit=st.integers(0, 7), keep=st.floats(0, 1))
def test_damage_gives_faults_or_a_refusal_never_an_error(place: int, bit: int, keep: float) -> None:
    body = bytearray(tiny_onnx().read(MODEL))
    body[place % len(body)] ^= 1 << bit
    damaged = bytes(body[: max(1, int(len(body) * (keep + 0.5)))])
    try:
        problems = inspect(damaged, PORTS, LIMITS).faults
    except InputRefused as refused:
        problems = refused.problems
    assert all(problem.code.startswith("ONNX_") for problem in problems)


CORPUS = """
import sys, tempfile
from pathlib import Path
import corpusgen.onnxfiles
from corpusgen._core import CASES
from qa_assets.core.errors import InputRefused
from qa_assets.export.contract import Ports, inspect
from qa_assets.export.settings import ContractLimits

ports = Ports({"input": "float32[batch, 4]"}, {"probs": "float32[batch, 2]"})
limits = ContractLimits(properties=("qa.preprocess", "qa.classes"))
for name, case in CASES.items():
    structural = case.code.startswith("ONNX_") and case.verdict == "reject"
    if case.group != "onnx" or not (structural or case.verdict == "accept"):
        continue
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    case.build(folder)
    try:
        found = inspect((folder / "model.onnx").read_bytes(), ports, limits).faults
    except InputRefused as refused:
        found = refused.problems
    told, codes = " ".join(map(str, found)), {p.code for p in found}
    right = case.code in codes and all(n in told for n in case.names) if structural else not found
    print("right" if right else f"WRONG {name}: {told}")
"""


@pytest.mark.slow
def test_the_corpus_of_hostile_models_is_refused_as_it_says(shared: Path, tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(  # in a process of its own: a crash must be seen, not shared
        [sys.executable, "-c", CORPUS, str(tmp_path)],
        env={"PYTHONPATH": f"{root}:{shared / 'badinputs'}"},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert len(lines) > 40
    assert [line for line in lines if line != "right"] == []


def test_ports_of_a_fixed_batch() -> None:
    answers = "float32[1, 5]"
    assert expected_ports(SPEC, 5, dynamic_batch=False) == Ports(
        {"pixels": "uint8[1, 8, 8, 1]"}, {"logits": answers, "probabilities": answers}
    )
