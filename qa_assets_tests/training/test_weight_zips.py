"""A pickle in a file of weights is read for its tensors; what it says of itself is not believed."""

import io
import pickle
import pickletools
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from qa_assets.core.errors import InputRefused
from qa_assets.training.weight_zips import read_zip

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.int64)}


@pytest.fixture
def saved(tmp_path: Path) -> dict[str, bytes]:
    """The members of a file as torch saves it."""
    torch.save(STATE, tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt") as pack:
        return {name: pack.read(name) for name in pack.namelist()}


def packed(members: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as pack:
        for name, member in members.items():
            pack.writestr(name, member)
    return body.getvalue()


def pickled(saved: dict[str, bytes]) -> str:
    return next(name for name in saved if name.endswith("/data.pkl"))


def test_tensors_are_those_that_were_saved(saved: dict[str, bytes]) -> None:
    found = read_zip(packed(saved), "m.pt")
    assert list(found) == list(STATE)
    for name, tensor in STATE.items():
        kind, shape, body = found[name].dtype, found[name].shape, found[name].body
        assert np.array_equal(np.frombuffer(body, kind).reshape(shape), tensor.numpy())


def test_numbers_of_what_is_kept_are_not_believed(saved: dict[str, bytes]) -> None:
    """A reader that makes room up to the thing number 2**25 takes 512 MiB for nothing."""
    body = saved[pickled(saved)]
    far = {1: b"r" + struct.pack("<I", 2**25)}  # LONG_BINPUT for the second thing kept
    out, puts, last = b"", 0, 0
    for operation, argument, place in pickletools.genops(body):
        if operation.name == "BINPUT" and argument in far:
            out += body[last:place] + far[argument]
            last, puts = place + 2, puts + 1
        elif operation.name == "BINGET" and argument in far:
            out += body[last:place] + b"j" + far[argument][1:]
            last = place + 2
    assert puts == 1
    members = {**saved, pickled(saved): out + body[last:]}
    tracemalloc.start()
    try:
        assert read_zip(packed(members), "m.pt").keys() == STATE.keys()
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"\x80\x02h\x07.", "damaged pickle"),  # what was never kept
        (b"\x80\x02" + b"(" * ((1 << 21) + 2) + b".", "steps"),
        (b"\x80\x02X\x05\0\0\0", "damaged pickle"),
        (pickle.dumps({"a": [1]}, 2), "state dict"),
        (pickle.dumps(Path("a"), 2), "W_CODE"),
    ],
)
def test_what_is_no_state_dict_is_refused(
    saved: dict[str, bytes], stream: bytes, said: str
) -> None:
    with pytest.raises(InputRefused, match=said):
        read_zip(packed({**saved, pickled(saved): stream}), "m.pt")


def test_a_record_is_named_by_a_text(saved: dict[str, bytes]) -> None:
    """A list of lists of lists as a name would be written out at its full length."""
    body = saved[pickled(saved)].replace(b"X\x01\0\0\x000", b"]", 1)
    assert body != saved[pickled(saved)]
    with pytest.raises(InputRefused, match="W_CORRUPT"):
        read_zip(packed({**saved, pickled(saved): body}), "m.pt")
