"""What comes back from a device is unpacked with care; what cannot be reached is no answer."""

import io
import tarfile
from pathlib import Path

import pytest

from qa_assets.edge import remote
from qa_assets.edge.benchmark import benchmark
from qa_assets.edge.settings import Device, EdgeSettings
from qa_assets_tests.export.networks import SPEC, some_samples, with_variants


def packed(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as pack:
        for name, body in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            pack.addfile(entry, io.BytesIO(body))
    return out.getvalue()


def test_only_flat_names_of_ours_are_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {"out.json": b"{}", "status": b"0", "logits.npy": b"1234", "../evil.npy": b"x"}
    large = {"large.npy": b"12345", "worker.py": b"evil", "/tmp/evil.npy": b"x"}
    assert remote.unpack(packed(**files, **large), 4) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["logits.npy"]
    assert not (tmp_path.parent / "evil.npy").exists()
    assert capsys.readouterr().out == "{}"


def test_a_device_that_cannot_be_reached_gives_no_result(tmp_path: Path) -> None:
    nobody = Device(host="127.0.0.1", port=1)
    settings = EdgeSettings(devices={"pi": nobody}, timeout_s=20.0)
    found = benchmark("ssh@pi", with_variants(), some_samples()[1], SPEC, settings, tmp_path)
    assert found.outcome == "NO-RESULT"
    assert found.message
