"""What comes back from a device is unpacked with care; what cannot be reached is no answer."""

import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.tables import read_array
from qa_assets.edge import remote
from qa_assets.edge.benchmark import benchmark
from qa_assets.edge.comparison import compare
from qa_assets.edge.settings import Device, EdgeSettings
from qa_assets_tests.edge.targets.test_contract import QUICK
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


@dataclass(frozen=True)
class Server:
    """An sshd of this user on loopback, with keys and a temporary folder of its own."""

    settings: EdgeSettings
    folder: Path

    def elsewhere(self, **changes: object) -> EdgeSettings:
        """The same device, declared otherwise."""
        device = self.settings.devices["pi"].model_copy(update=changes)
        return self.settings.model_copy(update={"devices": {"pi": device}})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server; skipped where there is none."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if sshd is None or shutil.which("ssh-keygen") is None or shutil.which("ssh") is None:
        pytest.skip("needs sshd, ssh and ssh-keygen (Debian: openssh-server, openssh-client)")
    if os.geteuid() == 0 and not Path("/run/sshd").is_dir():
        pytest.skip("an sshd of root needs the folder /run/sshd")
    folder = tmp_path_factory.mktemp("sshd")
    (folder / "device").mkdir()
    for name in ("host", "user"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(made, check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lines = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}", f"PidFile {folder / 'pid'}",
        "StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes",
        f"SetEnv TMPDIR={folder / 'device'}",
    ]  # fmt: skip
    (folder / "config").write_text("\n".join(lines) + "\n")
    host = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known").write_text(f"[127.0.0.1]:{port} {host}\n")
    log = folder / "log"
    command = [sshd, "-D", "-e", "-f", str(folder / "config")]
    with log.open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            if not _listens(port, process):
                pytest.skip(f"sshd does not start here: {log.read_text()[-300:]}")
            device = Device(
                host="127.0.0.1", port=port, python=sys.executable,
                identity=str(folder / "user"), known_hosts=str(folder / "known"),
            )  # fmt: skip
            settings = QUICK.model_copy(update={"devices": {"pi": device}, "timeout_s": 60.0})
            yield Server(settings, folder)
        finally:
            process.terminate()


def _listens(port: int, process: "subprocess.Popen[bytes]") -> bool:
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


@pytest.mark.slow
def test_a_device_over_ssh_answers_as_here_and_keeps_nothing(
    server: Server, tmp_path: Path
) -> None:
    model, payloads = with_variants(), some_samples()[1]
    found = benchmark("ssh@pi", model, payloads, SPEC, server.settings, tmp_path)
    assert (found.outcome, found.message) == ("OK", "")
    np.testing.assert_allclose(read_array(found, LOGITS), read_array(model, LOGITS), atol=1e-4)
    assert found.machine["runtime"].startswith("onnxruntime ")
    compared = compare("ssh@pi", model, found, SPEC, server.settings, tmp_path)
    assert (compared.flips, compared.faults, compared.findings) == (0, (), ())
    assert list((server.folder / "device").iterdir()) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_goes_wrong_on_a_device_over_ssh_is_one_of_the_outcomes(
    server: Server, tmp_path: Path
) -> None:
    model, payloads = with_variants(), some_samples()[1]
    damaged = replace(model, files={**model.files, "model.onnx": b"\x08\x08garbage"})
    refused = benchmark("ssh@pi", damaged, payloads, SPEC, server.settings, tmp_path)
    assert refused.outcome == "REFUSED", refused.message
    without = server.elsewhere(python="/no/such/python")
    assert benchmark("ssh@pi", model, payloads, SPEC, without, tmp_path).outcome == "CRASH"
    late = server.settings.model_copy(update={"timeout_s": 0.5})
    assert benchmark("ssh@pi", model, payloads, SPEC, late, tmp_path).outcome == "TIMEOUT"


@pytest.mark.slow
def test_a_device_that_is_another_one_gets_nothing(server: Server, tmp_path: Path) -> None:
    other = server.folder / "other"
    port, key = server.settings.devices["pi"].port, (server.folder / "user.pub").read_text()
    other.write_text(f"[127.0.0.1]:{port} {' '.join(key.split()[:2])}\n")
    settings = server.elsewhere(known_hosts=str(other))
    found = benchmark("ssh@pi", with_variants(), some_samples()[1], SPEC, settings, tmp_path)
    assert found.outcome == "NO-RESULT"
    assert "host key" in found.message.lower()
