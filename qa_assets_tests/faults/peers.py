"""What users would pick instead, on the same faulted folders: who sees which data fault.

``python -m qa_assets_tests.faults.peers`` prints one row a fault at its clear dose. CleanVision
runs with its defaults on the folder; a peer sees a fault where it reports an issue that it does not
report on the clean folder, or of one it does at least twice as many. The accuracy gate and the
plain expectation suites are read from the matrix of the last ``qa selftest``.
"""

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from qa_assets.core.records.faults import MATRIX_DATA
from qa_assets.faults.asset import clean_store
from qa_assets.faults.fault import FAULTS
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.site import copy_site
from qa_assets.runs import find_pipeline

TWICE = 2
SUITES = ("expectations_hold_on_samples", "expectations_hold_on_statistics")


def cleanvision_sees(folder: Path) -> dict[str, int]:
    """Issues by kind, with the library's defaults."""
    from cleanvision import Imagelab

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        lab = Imagelab(data_path=str(folder))
        lab.find_issues(n_jobs=1, verbose=False)
    found = lab.issue_summary
    return dict(zip(found["issue_type"], found["num_images"], strict=True))


def sees_more(found: dict[str, int], clean: dict[str, int]) -> bool:
    """More than on clean data: a kind that was not there, or twice as many."""
    return any(n > max(TWICE * clean.get(kind, 0), 0) for kind, n in found.items())


def main(name: str = "digits") -> None:
    """Print the table."""
    pipeline = find_pipeline(name)
    matrix = pipeline.root / "reports" / name / "selftest" / MATRIX_DATA
    runs = json.loads(matrix.read_text())["faults"] if matrix.is_file() else []
    ours = {r["fault"]: r for r in runs if r["dose"] == "clear"}
    store = clean_store(pipeline)
    clean = cleanvision_sees(pipeline.root / pipeline.config.dataset.path)
    sys.stdout.write("fault | these gates | plain accuracy | plain suites | CleanVision\n")
    for fault in FAULTS.values():
        if fault.stage != "data":
            continue
        with tempfile.TemporaryDirectory() as folder:
            site = copy_site(
                pipeline, f"{fault.name} clear", Overlay(Path(folder) / "s", store), Path(folder)
            )
            fault.plant(site, fault.doses["clear"])
            try:
                seen = sees_more(cleanvision_sees(site.data.root), clean)
            except Exception as error:
                seen = f"crashed: {type(error).__name__}"
        run = ours.get(fault.name, {})
        suite = any(s in a["gate"] for a in run.get("alarms", []) for s in SUITES)
        row = (fault.name, run.get("ending", "?"), run.get("plain_gate", "?"), suite, seen)
        sys.stdout.write(" | ".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
