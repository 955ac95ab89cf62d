"""The device fails, is slow, or its answers are read wrongly."""

from typing import Any

from qa_assets.faults.fault import fault
from qa_assets.faults.planted.edge import EDGE, deployed, worker_code
from qa_assets.faults.site import Site

SILENT = ("edge.crash", "edge.refused", "edge.timeout", "edge.no_result")


@fault("edge", enters=EDGE, causes=SILENT, source="an old runtime")
def device_refuses_model(site: Site, dose: float) -> None:
    """The device's runtime does not know the operator set of the file."""

    def change(model: Any) -> None:
        for entry in model.opset_import:
            if not entry.domain:
                entry.version = 99

    deployed(site, change)


@fault("edge", enters=EDGE, causes=SILENT, source="illegal instruction on another CPU")
def device_crashes(site: Site, dose: float) -> None:
    """The process on the device dies."""
    worker_code(site, "os.abort()")


@fault("edge", enters=EDGE, causes=SILENT, source="a full disk on the device")
def device_writes_nothing(site: Site, dose: float) -> None:
    """The worker ends without an answer."""
    worker_code(site, "sys.exit(0)")


@fault(
    "edge",
    enters=EDGE,
    causes=("edge.slow",),
    mild=0.06,
    clear=0.1,
    source="thermal throttling",
)
def device_slow(site: Site, dose: float) -> None:
    """Every call with one sample takes longer on the first device, in seconds."""
    first = site.pipeline.config.edge.targets[:1]
    site.configure("edge", calls=24, timing_seconds=3.0, warm_up=1, targets=first)
    worker_code(
        site,
        "_clean_infer = OnnxRuntime.infer\n\n\ndef _slow(self, pixels):\n"
        f"    until = time.perf_counter() + {dose} * (len(pixels) == 1)\n"
        "    answer = _clean_infer(self, pixels)\n"
        "    while time.perf_counter() < until:\n        pass\n    return answer\n\n\n"
        "OnnxRuntime.infer = _slow",
    )
