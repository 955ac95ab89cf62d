import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qa_assets.core.config import InputSpec
from qa_assets.core.records.evaluation import LOGITS
from qa_assets.core.records.export import MODEL
from qa_assets.core.tables import read_array
from qa_assets.edge import worker
from qa_assets.preprocessing import image
from qa_assets_tests.export.networks import some_samples, tiny_onnx

RNG = np.random.default_rng(11)
SPECS = [InputSpec(height=9, width=13, channels=c).model_dump() for c in (1, 3)]


def picture(mode: str, size: tuple[int, int] = (13, 9)) -> Image.Image:
    planes = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "P": 3}[mode]
    smooth = np.add.outer(np.arange(size[1]) * 9, np.arange(size[0]) * 5)[:, :, None]
    noise = RNG.integers(0, 60, (size[1], size[0], planes))
    body = (smooth + noise).astype(np.uint8)
    if mode == "P":
        return Image.fromarray(body).quantize(17)
    return Image.fromarray(body[:, :, 0] if planes == 1 else body)


def saved(picture: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def filtered(body: np.ndarray, kind: int) -> bytes:
    """A PNG of RGB pixels whose every row uses one filter; written straight from the standard."""
    height, width, _ = body.shape
    flat = body.reshape(height, -1).astype(int)
    rows = b""
    for y in range(height):
        for x in range(width * 3):
            a = flat[y, x - 3] if x >= 3 else 0
            b = flat[y - 1, x] if y else 0
            c = flat[y - 1, x - 3] if y and x >= 3 else 0
            nearest = min((a, b, c), key=lambda v: abs(a + b - c - v))
            guess = (0, a, b, (a + b) // 2, nearest)[kind]
            rows += (bytes([kind]) if x == 0 else b"") + bytes([(flat[y, x] - guess) % 256])
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    parts = (
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
@pytest.mark.parametrize("decoder", ["png", "pillow"])
def test_both_decoders_give_the_reference_pixels(mode: str, spec: dict, decoder: str) -> None:
    payload = saved(picture(mode), optimize=True)
    expected = image.decode(payload, InputSpec(**spec))
    np.testing.assert_array_equal(worker.DECODERS[decoder](payload, spec), expected)


@pytest.mark.parametrize("kind", range(5))
def test_every_filter_of_png_is_undone(kind: int) -> None:
    body = np.array(picture("RGB"))
    payload = filtered(body, kind)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(payload))), body)
    np.testing.assert_array_equal(worker.decode_png(payload, SPECS[1]), body)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "box"])
def test_pillow_resizes_and_turns_as_the_reference_does(interpolation: str) -> None:
    spec = SPECS[1] | {"interpolation": interpolation}
    exif = Image.Exif()
    exif[0x0112] = 6
    payload = saved(picture("RGB", (31, 20)), "JPEG", exif=exif)
    expected = image.decode(payload, InputSpec(**spec))
    np.testing.assert_array_equal(worker.decode_pillow(payload, spec), expected)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (saved(picture("L", (12, 9))), "12x9, 13x9 is needed"),
        (saved(picture("L"), "JPEG"), "no PNG file"),
        (saved(Image.new("1", (13, 9))), "8-bit"),
        (saved(picture("L"))[:40], "no image in it"),
        (saved(picture("RGB"), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"), "without EXIF"),
    ],
)
def test_png_refuses_what_it_cannot_do(payload: bytes, reason: str) -> None:
    with pytest.raises(worker.Refused, match=reason):
        worker.decode_png(payload, SPECS[0])


def test_a_small_file_cannot_claim_more_pixels_than_it_has() -> None:
    header = struct.pack(">IIBBBBB", 13, 9, 8, 0, 0, 0, 0)
    few = zlib.compress(bytes(20))
    payload = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(d)) + k + d + bytes(4) for k, d in [(b"IHDR", header), (b"IDAT", few)]
    )
    with pytest.raises(worker.Refused, match="fewer pixels"):
        worker.decode_png(payload, SPECS[0])


def by_hand(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", worker.__file__, *arguments]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True)


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A folder as a person would carry it to a device: the model and some samples."""
    (tmp_path / "model.onnx").write_bytes(tiny_onnx().read(MODEL))
    (tmp_path / "samples").mkdir()
    for name, payload in some_samples()[1].items():
        (tmp_path / "samples" / f"{name}.png").write_bytes(payload)
    return tmp_path


def test_by_hand_it_prints_a_line_a_sample_and_a_summary(device: Path) -> None:
    done = by_hand(device, "model.onnx", "samples")
    *lines, summary = map(json.loads, done.stdout.splitlines())
    assert summary["outcome"] == "OK"
    assert summary["samples"] == len(lines) == 40
    expected = read_array(tiny_onnx(), LOGITS)
    np.testing.assert_allclose([line["logits"] for line in lines], expected, atol=1e-5)
    assert lines[0]["sample"].endswith(f"{some_samples()[0].ids[0]}.png")


def test_by_hand_a_damaged_model_or_missing_folder_is_refused_in_one_line(device: Path) -> None:
    (device / "model.onnx").write_bytes(b"<html>")
    for arguments in (("model.onnx", "samples"), ("model.onnx", "nowhere")):
        done = by_hand(device, *arguments)
        assert json.loads(done.stdout)["outcome"] == "REFUSED"


def test_it_imports_nothing_but_the_standard_library_numpy_and_the_runtime() -> None:
    source = Path(worker.__file__).read_text(encoding="utf-8")
    named = {line.split()[1].split(".")[0] for line in source.splitlines() if _imports(line)}
    assert named - sys.stdlib_module_names == {"numpy", "onnxruntime", "PIL"}


def _imports(line: str) -> bool:
    return line.strip().startswith(("import ", "from ")) and ('"""' not in line)


def test_the_runtime_leaves_no_trace_in_the_home_folder(device: Path) -> None:
    home = device / "home"
    home.mkdir()
    command = [sys.executable, "-I", worker.__file__, "model.onnx", "samples"]
    subprocess.run(command, cwd=device, env={"HOME": str(home)}, capture_output=True, check=True)
    assert list(home.rglob("*")) == []
