"""What targets need besides the project: other environments, emulators, a foreign user-land.

Everything is made on demand below one folder, ``QA_TOOLS`` or ``~/.cache/qa_assets``, and nothing
is installed system-wide. Each part is made aside and renamed when whole.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qa_assets.core.errors import EnvironmentFault

_OLD_NUMPY = ((1, 19), "numpy<2")
"""Before this version of onnxruntime the process ends by SIGSEGV on NumPy 2."""
_LIMIT_S = 600
_ARM_CPU = """processor\t: {0}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
"""onnxruntime from 1.28 on ends by SIGSEGV where it finds the host's own description."""
_ARM_PACKAGES = (
    "libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0",
    "liblzma5", "libssl3", "libsqlite3-0", "libuuid1", "libncursesw6", "libtinfo6",
    "libreadline8", "libdb5.3", "libcrypt1", "libnsl2", "libtirpc3", "libgomp1", "libatomic1",
    "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
)  # fmt: skip


def folder() -> Path:
    """Where everything is kept."""
    given = os.environ.get("QA_TOOLS")
    return Path(given) if given else Path.home() / ".cache" / "qa_assets"


def python_with(package: str, version: str) -> tuple[str, ...]:
    """A Python of its own with one package at ``version``, NumPy and Pillow.

    Raises:
        EnvironmentFault: ``ENV_TOOL``: there is no such version for this Python, or no network.
    """
    return python_of({package: version})


def python_of(pins: Mapping[str, str]) -> tuple[str, ...]:
    """A Python of its own with packages at given versions, NumPy and Pillow.

    Args:
        pins: Version by package.

    Raises:
        EnvironmentFault: ``ENV_TOOL``: there is no such version for this Python, they do not go
            together, or there is no network.
    """
    for package, version in pins.items():
        if not re.fullmatch(r"[A-Za-z0-9._+-]+", version):
            raise _fault(f"{package} {version}", "is no version")
    wanted = [f"{package}=={version}" for package, version in pins.items()]
    if "numpy" not in pins:
        wanted.append(_numpy_for(pins))

    def make(place: Path) -> None:
        _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
        python = str(place / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        wanted.extend(["pillow"] if "pillow" not in pins else [])
        _run([*pip, *wanted], item=f"an environment with {' '.join(wanted)}")

    named = "-".join(f"{package}-{version}" for package, version in pins.items())
    place = _made(f"{named}-python{sys.version_info[0]}.{sys.version_info[1]}", make)
    return (str(place / "bin" / "python"), "-I")


def qemu(machine: str) -> str:
    """The user-mode emulator of ``machine``; fetched where the system has none.

    Raises:
        EnvironmentFault: ``ENV_TOOL``: there is none, and none can be fetched.
    """
    name = f"qemu-{machine}-static"
    found = shutil.which(name) or shutil.which(f"qemu-{machine}")
    if found:
        return found

    def make(place: Path) -> None:
        place.mkdir()
        _apt(place, [], ["qemu-user-static"], place)

    return str(_made("qemu", make) / "usr" / "bin" / name)


def python_arm64() -> tuple[str, ...]:
    """An emulated arm64 Python with onnxruntime, from Debian's and Python's own packages.

    Raises:
        EnvironmentFault: ``ENV_TOOL``: this is no Debian, or there is no network.
    """
    emulator = qemu("aarch64")
    place = _made("arm64-python3.11", _make_arm64)
    root = place / "root"
    variables = {"PYTHONPATH": str(place / "site"), "PYTHONDONTWRITEBYTECODE": "1"}
    given = [part for k, v in variables.items() for part in ("-E", f"{k}={v}")]
    python = str(root / "usr" / "bin" / "python3.11")
    return (emulator, "-cpu", "cortex-a72", "-L", str(root), *given, python)


def _make_arm64(place: Path) -> None:
    import onnxruntime

    root, foreign = place / "root", place / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (foreign / part).mkdir(parents=True)
    (foreign / "status").touch()
    options = ["APT::Architecture=arm64", "APT::Architectures::=arm64"]
    options += [f"Dir::State::Lists={foreign / 'lists'}", f"Dir::Cache={foreign / 'cache'}"]
    options += [f"Dir::State::status={foreign / 'status'}"]
    root.mkdir()
    _apt(root, options, _ARM_PACKAGES, foreign, update=True)
    platforms = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
    tags = [part for tag in (*platforms, "manylinux_2_27_aarch64") for part in ("--platform", tag)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(place / "site")]
    what = [f"onnxruntime=={onnxruntime.__version__}", "numpy", "pillow"]
    _run([*pip, *tags, "--python-version", "311", "--only-binary=:all:", *what])
    (root / "proc").mkdir()
    (root / "proc" / "cpuinfo").write_text("".join(_ARM_CPU.format(i) for i in (0, 1)))
    shutil.rmtree(foreign)


def _apt(
    root: Path,
    options: Sequence[str],
    packages: Sequence[str],
    work: Path,
    *,
    update: bool = False,
) -> None:
    """Download Debian packages and unpack them below ``root``; nothing is installed."""
    given = [part for o in ("APT::Sandbox::User=root", *options) for part in ("-o", o)]
    if update:
        _run(["apt-get", *given, "update", "-qq"])
    debs = work / "debs"
    debs.mkdir()
    _run(["apt-get", *given, "download", "-qq", *packages], cwd=debs)
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(deb), str(root)])
    shutil.rmtree(debs)


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The part of that name; made now where it is not there. Two makers do not disturb it."""
    place = folder() / name
    if place.is_dir():
        return place
    folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder(), prefix=f".{name}-") as aside:
        make(Path(aside) / "whole")
        try:
            (Path(aside) / "whole").rename(place)
        except OSError:
            if not place.is_dir():  # otherwise another process was faster
                raise
    return place


def _numpy_for(pins: Mapping[str, str]) -> str:
    version = pins.get("onnxruntime", "")
    parts = tuple(int(p) for p in re.findall(r"\d+", version)[:2])
    before, pinned = _OLD_NUMPY
    return pinned if parts and parts < before else "numpy"


def _run(command: Sequence[str], cwd: Path | None = None, item: str = "") -> None:
    try:
        subprocess.run(
            command, cwd=cwd, check=True, capture_output=True, text=True, timeout=_LIMIT_S
        )
    except FileNotFoundError as error:
        raise _fault(command[0], "is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise _fault(item or command[0], f"was not there within {_LIMIT_S} s") from error
    except subprocess.CalledProcessError as error:
        said = str(error.stderr).strip().splitlines()
        what = f"cannot be made: {said[-1] if said else 'nothing was said'}"
        raise _fault(item or " ".join(command[:4]), what) from error


def _fault(item: str, what: str) -> EnvironmentFault:
    right = "Check the version and the network, or leave out the target that needs it."
    return EnvironmentFault.of("ENV_TOOL", item, f"{what}.", right)
