"""The device's side of a benchmark: decodes raw bytes, runs the model, reports one JSON line.

One file that needs Python, NumPy and the runtime. By hand, on any device::

    python worker.py model.onnx samples/

prints one JSON line a sample and then a summary. Sent by a benchmark it is given ``job.json``
instead, leaves ``logits.npy`` and ``latencies.npy`` beside it and prints the summary only.
"""

import importlib.util
import json
import os
import platform
import runpy
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the runtime is imported: later is too late

import numpy as np

_MIB = 1 << 20
_BY_HAND: dict[str, Any] = {
    "calls": 100,
    "warm_up": 5,
    "batches": [],
    "batch_seconds": 0.5,
    "timing_seconds": 10.0,
    "options": {},
}


class Refused(Exception):
    """The target cannot do what the job asks, and says why."""


class OnnxRuntime:
    """The model in onnxruntime."""

    def __init__(self, model: str, options: dict[str, Any]) -> None:
        import onnxruntime as ort

        setup = ort.SessionOptions()
        setup.intra_op_num_threads = int(options.get("threads", 1))
        setup.inter_op_num_threads = 1
        setup.log_severity_level = 4
        provider = options.get("provider", "CPUExecutionProvider")
        self.version = f"onnxruntime {ort.__version__}"
        self._session = ort.InferenceSession(model, setup, providers=[provider])
        self.properties = dict(self._session.get_modelmeta().custom_metadata_map)
        self._input = self._session.get_inputs()[0].name

    def infer(self, pixels: Any) -> Any:
        """Logits (sample, class) of pixels (sample, height, width, channel)."""
        return self._session.run(["logits"], {self._input: pixels})[0]


def decode_pillow(payload: bytes, spec: dict[str, Any]) -> Any:
    """Decode with Pillow, resizing as the specification says."""
    import io

    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(payload)) as image:
        upright = ImageOps.exif_transpose(image).convert("L" if spec["channels"] == 1 else "RGB")
    size = (spec["width"], spec["height"])
    if upright.size != size:
        upright = upright.resize(size, Image.Resampling[spec["interpolation"].upper()])
    return np.asarray(upright, np.uint8).reshape(spec["height"], spec["width"], spec["channels"])


def decode_png(payload: bytes, spec: dict[str, Any]) -> Any:
    """Decode an 8-bit PNG of the input's own size with the standard library alone."""
    chunks = _chunks(payload)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    planes = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 0)
    if depth != 8 or not planes or interlaced or b"eXIf" in chunks:
        raise Refused("the png decoder takes 8-bit images, not interlaced, without EXIF")
    if (width, height) != (spec["width"], spec["height"]):
        wanted = f"{spec['width']}x{spec['height']}"
        raise Refused(f"a sample is {width}x{height}, {wanted} is needed: png cannot resize")
    size = height * (1 + width * planes)
    rows = zlib.decompressobj().decompress(chunks[b"IDAT"], size)
    if len(rows) != size:
        raise Refused("a sample has fewer pixels than it says")
    image = _unfilter(rows, height, width, planes)
    if colour == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        image = palette[image[:, :, 0]]
    return _to_channels(image, spec["channels"])


DECODERS: dict[str, Callable[[bytes, dict[str, Any]], Any]] = {
    "pillow": decode_pillow,
    "png": decode_png,
}


def _chunks(payload: bytes) -> dict[bytes, bytes]:
    if not payload.startswith(b"\x89PNG\r\n\x1a\n"):
        raise Refused("a sample is no PNG file, and the png decoder takes nothing else")
    found: dict[bytes, bytes] = {}
    place = 8
    while place + 8 <= len(payload):
        length, kind = struct.unpack_from(">I4s", payload, place)
        body = payload[place + 8 : place + 8 + length]
        found[kind] = found.get(kind, b"") + body if kind == b"IDAT" else body
        place += length + 12
    if not found.keys() >= {b"IHDR", b"IDAT"}:
        raise Refused("a sample has no image in it")
    return found


def _unfilter(rows: bytes, height: int, width: int, planes: int) -> Any:
    """Undo the filters of PNG, row by row. Source: ISO/IEC 15948, section 9."""
    stride = width * planes
    table = np.frombuffer(rows, np.uint8).reshape(height, stride + 1)
    image = np.zeros((height + 1, stride + planes), np.int64)  # a row above, a pixel to the left
    for y in range(height):
        kind, line, above = table[y, 0], table[y, 1:], image[y]
        now = image[y + 1]
        if kind in (0, 2):
            now[planes:] = line + (above[planes:] if kind else 0)
        for x in range(planes, stride + planes) if kind in (1, 3, 4) else ():
            a, b, c = now[x - planes] & 255, above[x] & 255, above[x - planes] & 255
            now[x] = line[x - planes] + (a if kind == 1 else (a + b) >> 1 if kind == 3 else 0)
            now[x] += _paeth(a, b, c) if kind == 4 else 0
        now &= 255
    return image[1:, planes:].astype(np.uint8).reshape(height, width, planes)


def _paeth(a: int, b: int, c: int) -> int:
    da, db, dc = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    if da <= db and da <= dc:
        return a
    return b if db <= dc else c


def _to_channels(image: Any, channels: int) -> Any:
    """Grey, grey and alpha, RGB or RGBA to what the model takes; alpha is dropped."""
    colours = image[:, :, : 1 if image.shape[2] <= 2 else 3]
    if colours.shape[2] == channels:
        return np.ascontiguousarray(colours)
    if channels == 3:
        return np.repeat(colours, 3, axis=2)
    # Source: ITU-R 601-2 luma in the fixed point that Pillow's convert("L") uses.
    luma = colours.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return ((luma + 0x8000) >> 16).astype(np.uint8)[:, :, None]


def limit(job: dict[str, Any]) -> None:
    """Bind this process: memory, file size, no core dump, death of the parent."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    memory, output = job["max_memory_mib"] * _MIB, job["max_output_mib"] * _MIB
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
        if os.getppid() == 1 != job["parent"]:
            sys.exit("the parent is gone")


def measure(session: Any, pixels: Any, job: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Times of single calls in a closed loop, then of batches.

    Returns:
        What goes into the summary, and the milliseconds of each call, float64.
    """
    for i in range(job["warm_up"]):
        session.infer(pixels[i % len(pixels)][None])
    times: list[float] = []
    clock, n = time.perf_counter, len(pixels)
    started, worked = clock(), time.process_time()
    while len(times) < job["calls"] and clock() - started < job["timing_seconds"]:
        sample = pixels[len(times) % n][None]
        before = clock()
        session.infer(sample)
        times.append((clock() - before) * 1000)
    share = (time.process_time() - worked) / (clock() - started)
    rates = {1: 1000 * len(times) / sum(times)}
    for size in job["batches"]:
        batch, calls, before = pixels[np.arange(size) % n], 0, clock()
        while not calls or clock() - before < job["batch_seconds"]:
            session.infer(batch)
            calls += 1
        rates[size] = size * calls / (clock() - before)
    summary = {"throughput": {str(size): rate for size, rate in rates.items()}, "cpu_share": share}
    return summary, np.array(times)


def run(job: dict[str, Any], names: list[Path]) -> tuple[dict[str, Any], Any, Any]:
    """Load the model, answer every sample, measure.

    Returns:
        The summary, the logits (sample, class) as float32, the milliseconds of each call.
    """
    began = time.perf_counter()
    session = _opener(job)(job["model"], job["options"])
    load_ms = (time.perf_counter() - began) * 1000
    spec = job.get("spec") or json.loads(session.properties["input_spec"])
    pixels = np.stack([DECODERS[job["decoder"]](name.read_bytes(), spec) for name in names])
    began = time.perf_counter()
    session.infer(pixels[:1])
    first_ms = (time.perf_counter() - began) * 1000
    starts = range(0, len(pixels), job["batch"])
    logits = np.concatenate([session.infer(pixels[i : i + job["batch"]]) for i in starts])
    measured, times = measure(session, pixels, job)
    summary = {"outcome": "OK", "samples": len(names), "load_ms": load_ms, "first_ms": first_ms}
    machine = fingerprint() | {"runtime": session.version, "decoder": job["decoder"]}
    summary |= measured | {"peak_rss_mib": peak_rss_mib(), "machine": machine}
    return summary, logits.astype(np.float32), times


def fingerprint() -> dict[str, str]:
    """What the times depend on; nothing that names the machine or its owner."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(x.split(": ")[1] for x in lines if x.startswith("model name"))
    except (OSError, StopIteration):
        pass  # not Linux, or a processor that has no name there
    return {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def peak_rss_mib() -> float | None:
    """Largest resident memory so far; None where the system does not tell.

    Linux: not ``ru_maxrss``, which a new process inherits from the one that started it.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB  # bytes on macOS


def _opener(job: dict[str, Any]) -> Callable[[str, dict[str, Any]], Any]:
    if not job.get("open"):
        return OnnxRuntime
    return runpy.run_path("opener.py")[job["open"]]


def _by_hand(model: str, folder: str) -> tuple[dict[str, Any], list[Path]]:
    decoder = "pillow" if importlib.util.find_spec("PIL") else "png"
    names = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return _BY_HAND | {"model": model, "decoder": decoder, "batch": 1}, names


def main(arguments: list[str]) -> int:
    """Run one job file, or a model on a folder; whatever goes wrong in words is REFUSED."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a runtime prints is no answer
    by_hand = len(arguments) == 2
    summary: dict[str, Any]
    try:
        if by_hand:
            job, names = _by_hand(*arguments)
        else:
            job = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
            names = [Path("samples") / str(i) for i in range(job["samples"])]
            limit(job)
        summary, logits, times = run(job, names)
        if by_hand:
            for name, scores in zip(names, logits.tolist(), strict=True):
                print(json.dumps({"sample": str(name), "logits": scores}), file=out)
        else:
            np.save("logits.npy", logits)
            np.save("latencies.npy", times)
    except Exception as error:  # the target says no: that is an answer too
        summary = {"outcome": "REFUSED", "message": f"{type(error).__name__}: {error}"[:2000]}
    print(json.dumps(summary), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
