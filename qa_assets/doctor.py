"""What would stop a run on this machine, and its remedy."""

import os
import shutil
import sys
import tempfile
import warnings
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from qa_assets.resources import local_store, project_root

DISTRIBUTION = "qa-assets"
LOW_DISK_GIB = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: Literal["fine", "missing", "broken"]
    found: str
    remedy: str = ""

    def row(self) -> tuple[str, str, str, str]:
        """The fields in order."""
        return self.what, self.state, self.found, self.remedy


def examine() -> list[Finding]:
    """Look at Python, packages, selections, disk, store, and the optional programs."""
    return [_python(), *_packages(), _selections(), _disk(), _store(), *_programs()]


def extra_of(module: str) -> str:
    """What to install for a module that is missing: the extra that brings it, else the package."""
    for text in requires(DISTRIBUTION) or []:
        requirement = Requirement(text)
        named = requirement.name.lower().replace("-", "_") == module.lower()
        if named and requirement.marker and "extra ==" in str(requirement.marker):
            extra = str(requirement.marker).split('extra == "')[1].split('"')[0]
            return f"{DISTRIBUTION}[{extra}]"
    return DISTRIBUTION


def _python() -> Finding:
    return Finding("python", "fine", sys.version.split()[0])


def _packages() -> list[Finding]:
    found: list[Finding] = []
    for text in requires(DISTRIBUTION) or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            have = version(requirement.name)
        except PackageNotFoundError:
            found.append(Finding(requirement.name, "broken", "absent", f"pip install '{text}'"))
            continue
        if not requirement.specifier.contains(have, prereleases=True):
            found.append(Finding(requirement.name, "broken", have, f"pip install '{text}'"))
    name = metadata(DISTRIBUTION)["Name"]
    return found or [Finding("packages", "fine", f"all that {name} asks for")]


def _selections() -> Finding:
    """String selections need antlr 4.13 (dagster-io/dagster#27487)."""
    import dagster as dg

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            dg.AssetSelection.from_string("*")
    except Exception as error:
        remedy = "pip install 'antlr4-python3-runtime>=4.13,<4.14'"
        return Finding("asset selections", "broken", type(error).__name__, remedy)
    return Finding("asset selections", "fine", "'*' is understood")


def _disk() -> Finding:
    free = shutil.disk_usage(project_root()).free / 2**30
    state = "fine" if free > LOW_DISK_GIB else "broken"
    return Finding("disk", state, f"{free:.1f} GiB free", "" if state == "fine" else "Free some.")


def _store() -> Finding:
    root = local_store(project_root()).root
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root) as folder:
            Path(folder, "probe").write_bytes(b"qa")
    except OSError as error:
        return Finding("store", "broken", f"{root}: {error.strerror}", "Check who owns it.")
    return Finding("store", "fine", str(root))


def _programs() -> list[Finding]:
    wanted = {
        "git": "versions of data and code",
        "dvc": "dvc repro",
        "chromium": "the tests that look at pages",
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return [
        Finding(name, "fine", found)
        if (found := shutil.which(name, path=path))
        else Finding(name, "missing", "absent", f"Only needed for {why}.")
        for name, why in wanted.items()
    ]
