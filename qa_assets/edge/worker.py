"""The device's side of a benchmark: decodes raw bytes, runs the model, reports one JSON line.

One file that needs Python, NumPy and the runtime. By hand, on any device::

    python worker.py model.onnx samples/

prints one JSON line a sample and then a summary. Sent by a benchmark it is given ``job.json``
instead, leaves ``logits.npy`` and ``latencies.npy`` beside it and prints the summary only. Sent by
a comparison it runs parts of a model, and leaves ``pixels.npy`` and ``trace-N.npy``; sent by a duel
it times two models in turns, and leaves ``duel.npy``.
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
from itertools import cycle, islice
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
    "least_seconds": 0.0,
    "timing_seconds": 10.0,
    "leak_calls": 0,
    "options": {},
}
_LEAK_POINTS = 24
_STRETCH_S = 0.02
"""So long is timed without looking whether it is enough."""
_MOST = 10_000
"""Calls of one such stretch."""
_OPTIMISATIONS = {"off": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "full": "ORT_ENABLE_ALL"}


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
        level = _OPTIMISATIONS[options.get("optimisation", "full")]
        setup.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
        provider = options.get("provider", "CPUExecutionProvider")
        if provider != "CPUExecutionProvider":  # a silent fallback would measure something else
            setup.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        self.version = f"onnxruntime {ort.__version__}"
        self._session = ort.InferenceSession(model, setup, providers=[provider])
        self.properties = dict(self._session.get_modelmeta().custom_metadata_map)
        self._input = self._session.get_inputs()[0].name
        names = [port.name for port in self._session.get_outputs()]
        self._outputs = ["logits"] if "logits" in names else names[:1]

    def infer(self, pixels: Any) -> Any:
        """The output ``logits`` (sample, class), or a part's only one, of pixels (sample, ...)."""
        return self._session.run(self._outputs, {self._input: pixels})[0]


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


def timed_calls(infer: Callable[[Any], Any], samples: Any, job: dict[str, Any]) -> Any:
    """Milliseconds of single calls in a closed loop, float64.

    The loop calls, reads the clock and stores what it read where there is room for it already;
    what else there is to do is done between stretches of it, and not timed. It lasts for ``calls``
    and ``least_seconds``, whichever is longer.
    """
    clock, turns, calls = time.perf_counter, cycle(samples), job["calls"]
    found, size, done, now = list[Any](), 1, 0, clock()
    least, end = now + job["least_seconds"], now + job["timing_seconds"]
    while now < end and (now < least or done < calls):
        given = list(islice(turns, size))
        if not given:
            raise Refused("there are no samples")
        marks = [0.0] * (size + 1)
        marks[0] = clock()
        for i, sample in enumerate(given, 1):
            infer(sample)
            marks[i] = clock()
        now, done = marks[-1], done + size
        found.append(np.diff(marks))
        lasts = min(_STRETCH_S, (least if now < least else end) - now)
        size = max(1, min(_MOST, int(size * lasts / max(now - marks[0], 1e-9))))
        size = min(size, calls - done) if done < calls else size
    return np.concatenate(found) * 1000


def measure(session: Any, pixels: Any, job: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Times of single calls, of batches, and memory over calls of many shapes.

    Returns:
        What goes into the summary, and the milliseconds of each call, float64.
    """
    samples = [pixels[i : i + 1] for i in range(len(pixels))]
    for sample in islice(cycle(samples), job["warm_up"]):
        session.infer(sample)
    clock, n = time.perf_counter, len(pixels)
    started, worked = clock(), time.process_time()
    times = timed_calls(session.infer, samples, job)
    worked, passed = time.process_time() - worked, clock() - started
    rates = {1: 1000 * len(times) / float(times.sum())}
    for size in job["batches"]:
        batch, calls, before = pixels[np.arange(size) % n], 0, clock()
        while not calls or clock() - before < job["batch_seconds"]:
            session.infer(batch)
            calls += 1
        rates[size] = size * calls / (clock() - before)
    summary = {
        "throughput": {str(size): rate for size, rate in rates.items()},
        "cpu_share": worked / passed,
        "cpu_ms": 1000 * worked / len(times),
        "resident_mib": resident_over_calls(session, pixels, job),
    }
    return summary, times


def resident_over_calls(session: Any, pixels: Any, job: dict[str, Any]) -> list[float]:
    """Resident memory in MiB at even steps over ``leak_calls`` calls of varied batch sizes."""
    sizes = [1, 2, 5, 3, 8] if job["batches"] else [1]
    batches = [pixels[np.arange(size) % len(pixels)] for size in sizes]
    found: list[float] = []
    step = job["leak_calls"] // _LEAK_POINTS
    for _ in range(_LEAK_POINTS if step else 0):
        for batch in islice(cycle(batches), step):
            session.infer(batch)
        now = status_mib("VmRSS")
        found += [] if now is None else [now]
    return found


def run(job: dict[str, Any], names: list[Path]) -> tuple[dict[str, Any], Any, Any]:
    """Load the model, answer every sample, measure.

    Returns:
        The summary, the logits (sample, class) as float32, the milliseconds of each call.
    """
    began = time.perf_counter()
    session = _opener(job)(job["model"], job["options"])
    load_ms = (time.perf_counter() - began) * 1000
    spec = job.get("spec") or json.loads(session.properties["input_spec"])
    began = time.perf_counter()
    pixels = decoded(job, names, spec)
    decode_ms = (time.perf_counter() - began) * 1000 / len(names)
    began = time.perf_counter()
    session.infer(pixels[:1])
    first_ms = (time.perf_counter() - began) * 1000
    logits = answers(session, pixels, job["batch"])
    measured, times = measure(session, pixels, job)
    summary = {"outcome": "OK", "samples": len(names), "load_ms": load_ms, "first_ms": first_ms}
    summary |= {"decode_ms": decode_ms}
    decoder = job["decoder"] if isinstance(job["decoder"], str) else "own"
    machine = fingerprint() | {"runtime": session.version, "decoder": decoder}
    summary |= measured | {"peak_rss_mib": peak_rss_mib(), "machine": machine}
    return summary, logits.astype(np.float32), times


def trace(job: dict[str, Any], names: list[Path]) -> dict[str, Any]:
    """Decode every sample, then run each part of a model on all of them.

    Returns:
        The summary: of each part "" or why it could not be run.
    """
    pixels = decoded(job, names, job["spec"])
    np.save("pixels.npy", pixels)
    said: list[str] = []
    for i in range(job["trace"]):
        try:
            session = _opener(job)(f"part-{i}.onnx", job["options"])
            np.save(f"trace-{i}.npy", answers(session, pixels, job["batch"]))
            said.append("")
        except Exception as error:  # what cannot be run alone is one answer less
            said.append(f"{type(error).__name__}: {error}"[:300] or "refused")
    return {"outcome": "OK", "samples": len(names), "parts": said}


def duel(job: dict[str, Any], names: list[Path]) -> dict[str, Any]:
    """Time two models in turns: blocks of calls, in each of them both in a random order.

    Leaves ``duel.npy``: median milliseconds a call, shape (block, model); what interrupts a few
    calls of a block does not move it.
    """
    import random

    pixels = decoded(job, names, job["spec"])
    samples = [pixels[i : i + 1] for i in range(len(pixels))]
    sessions = [_opener(job)(name, job["options"]) for name in (job["model"], job["rival"])]
    once = dict(job, calls=1, least_seconds=job["block_seconds"])
    for session in sessions:
        timed_calls(session.infer, samples, once)
    order, found = random.Random(job["seed"]), np.zeros((job["blocks"], 2))
    for block in found:
        for side in order.sample((0, 1), 2):
            block[side] = np.median(timed_calls(sessions[side].infer, samples, once))
    np.save("duel.npy", found)
    return {"outcome": "OK", "samples": len(names), "machine": fingerprint()}


def decoded(job: dict[str, Any], names: list[Path], spec: dict[str, Any]) -> Any:
    """Pixels of every sample, uint8, shape (sample, height, width, channel)."""
    own = job.get("decode")
    decode = runpy.run_path("decoder.py")[own] if own else DECODERS[job["decoder"]]
    return np.stack([decode(name.read_bytes(), spec) for name in names])


def answers(session: Any, pixels: Any, batch: int) -> Any:
    """What the session says to all of ``pixels``, ``batch`` of them a call."""
    return np.concatenate(
        [session.infer(pixels[i : i + batch]) for i in range(0, len(pixels), batch)]
    )


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
    found = status_mib("VmHWM")
    if found is not None:
        return found
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB  # bytes on macOS


def status_mib(name: str) -> float | None:
    """A size that Linux tells of this process; None on other systems."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(x.split()[1]) / 1024 for x in lines if x.startswith(name))
    except (OSError, StopIteration):
        return None


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
        if "trace" in job or "rival" in job:
            summary = trace(job, names) if "trace" in job else duel(job, names)
        else:
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
