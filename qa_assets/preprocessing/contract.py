"""The contract of the preprocessing: golden inputs and outputs, held against what was released."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.config import InputSpec
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.comparison import FirstRelease
from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.records.preprocessing import (
    DECODED,
    GOLDEN_INPUTS,
    NORMALISED,
    Change,
    Part,
    PreprocessingContract,
)
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore, short
from qa_assets.core.tables import array_bytes, read_array, read_table, table_bytes
from qa_assets.preprocessing import image
from qa_assets.preprocessing.golden import golden_inputs

ASSET = "preprocessing_contract"
_METHODS = ("nearest", "bilinear", "bicubic", "box")
_PARTS: Mapping[str, Part] = {
    "height": "size", "width": "size", "channels": "size", "interpolation": "interpolation",
    "scale": "normalisation", "mean": "normalisation", "std": "normalisation",
}  # fmt: skip
_ROUNDING = 1e-6
"""Relative difference of normalised values that another order of adding may make."""


def contract(
    snapshot: DatasetSnapshot,
    spec: InputSpec,
    store: LocalStore,
    pipeline: str,
    first_release: FirstRelease,
) -> PreprocessingContract:
    """Apply the declared preprocessing to the golden inputs, and today's to the released ones."""
    import pandas as pd

    inputs = golden_inputs(snapshot)
    decoded = _decoded(list(inputs.values()), spec)
    table = pd.DataFrame({"name": list(inputs), "payload": list(inputs.values())})
    made = PreprocessingContract(
        spec=_settings(spec),
        libraries=libraries(),
        inputs=len(inputs),
        round_trip_error=round_trip_error(spec),
        first_release=first_release,
        files={
            GOLDEN_INPUTS: table_bytes(table),
            DECODED: array_bytes(decoded),
            NORMALISED: array_bytes(image.normalise(decoded, spec)),
        },
    )
    release = other_contract(store, pipeline, spec)
    if not release:
        return replace(made, released=first_release == "undecided" and _any(store, pipeline))
    try:
        differ = _differences(store, release, spec)
    except InputRefused as error:
        return replace(made, unreadable=f"release {short(release)}: {error}")
    return replace(made, reference=f"release {short(release)}", changes=differ)


def other_contract(store: LocalStore, pipeline: str, spec: InputSpec) -> str:
    """Digest of the newest release whose preprocessing differs in any way; "" without any.

    One that does not differ says nothing, so a run that changes nothing finds what the run that
    made its own release found. A release from before there were contracts is none to compare with.
    """
    for digest in releases(store, pipeline):
        try:
            differ = _differences(store, digest, spec)
        except InputRefused:
            return digest
        if differ:
            return digest
    return ""


def _differences(store: LocalStore, release: str, spec: InputSpec) -> tuple[Change, ...]:
    before = _of(store, release)
    return tuple(changes(before, spec)) if before else ()


def changes(before: PreprocessingContract, spec: InputSpec) -> Iterator[Change]:
    """How today's preprocessing differs from a released one, step by step.

    The released golden inputs are decoded and normalised as the release declared it, so that what
    differs then is the code or a library; what is declared otherwise is named from the settings.
    """
    for name, now in _settings(spec).items():
        then = before.spec.get(name, "")
        if then != now:
            yield Change(_PARTS.get(name, "size"), f"{name} is declared otherwise", then, now)
    old = _spec_of(before)
    golden = read_table(before, GOLDEN_INPUTS)
    names, payloads = list(golden["name"]), list(golden["payload"])
    stored = np.asarray(read_array(before, DECODED), np.uint8)
    yield from _decoding(names, payloads, stored, old)
    again, then_seen = image.normalise(stored, old), read_array(before, NORMALISED)
    close = [
        np.allclose(*pair, rtol=_ROUNDING, atol=_ROUNDING)
        for pair in zip(again, then_seen, strict=True)
    ]
    off = tuple(name for name, same in zip(names, close, strict=True) if not same)
    if off:
        yield Change("normalisation", "the same pixels are normalised otherwise", "", "", off)
    for library, now in libraries().items():
        then = before.libraries.get(library, "")
        if then != now:
            yield Change("library", library, then, now)


def _decoding(
    names: list[str], payloads: list[bytes], stored: NDArray[np.uint8], spec: InputSpec
) -> Iterator[Change]:
    today = _decoded(payloads, spec)
    off = (today != stored).any(axis=(1, 2, 3))
    resized = np.array([_is_resized(body, spec) for body in payloads])
    plain = tuple(n for n, bad in zip(names, off & ~resized, strict=True) if bad)
    if plain or (off.any() and not _resized_by(payloads, stored, today, spec)):
        differ = tuple(n for n, bad in zip(names, off, strict=True) if bad)
        yield Change("decoder", "the same bytes are decoded to other pixels", "", "", differ)
    elif off.any():
        differ = tuple(n for n, bad in zip(names, off, strict=True) if bad)
        method = _resized_by(payloads, stored, today, spec)
        what = "the same pictures are resized otherwise"
        yield Change("interpolation", what, spec.interpolation, method, differ)


def _resized_by(
    payloads: list[bytes], stored: NDArray[np.uint8], today: NDArray[np.uint8], spec: InputSpec
) -> str:
    """The interpolation that explains the difference; "" where none does."""
    for method in _METHODS:
        other = _decoded(payloads, spec.model_copy(update={"interpolation": method}))
        if method != spec.interpolation and (
            np.array_equal(other, today) or np.array_equal(other, stored)
        ):
            return method
    return ""


def round_trip_error(spec: InputSpec) -> float:
    """Largest error, in stored levels, of each level of each channel there and back."""
    levels = np.arange(np.iinfo(np.uint8).max + 1, dtype=np.uint8)
    pixels = np.repeat(levels[:, None, None, None], spec.channels, axis=3)
    with np.errstate(all="ignore"):  # what is not finite is an infinite error
        back = image.denormalise(image.normalise(pixels, spec), spec)
        error = float(np.abs(back - pixels).max())
    return error if np.isfinite(error) else float("inf")


def libraries() -> dict[str, str]:
    """Versions of what decodes, resizes and computes; of the codecs inside Pillow too."""
    from PIL import features

    codecs = {name: features.version(name) for name in ("jpg", "zlib", "webp", "libtiff")}
    known = {f"pillow's {name}": str(v) for name, v in codecs.items() if v}
    return {"pillow": version("pillow"), "numpy": version("numpy"), **known}


def _settings(spec: InputSpec) -> dict[str, str]:
    values = spec.model_dump(mode="json")
    return {name: json.dumps(value) for name, value in values.items()}


def _spec_of(before: PreprocessingContract) -> InputSpec:
    try:
        return InputSpec.model_validate({n: json.loads(v) for n, v in before.spec.items()})
    except ValueError as error:
        what = "declares its preprocessing as this version does not."
        raise InputRefused.of("RECORD_SCHEMA", ASSET, what, "Release it again.") from error


def _decoded(payloads: list[bytes], spec: InputSpec) -> NDArray[np.uint8]:
    return np.stack([image.decode(body, spec) for body in payloads])


def _is_resized(payload: bytes, spec: InputSpec) -> bool:
    from PIL import Image

    with Image.open(io.BytesIO(payload)) as found:
        return image.turned(found).size != (spec.width, spec.height)


def releases(store: LocalStore, pipeline: str) -> list[str]:
    """Digests of every release, the newest first."""
    past = sorted(store.names(f"history/{pipeline}/release"), key=store.pointed_at, reverse=True)
    digests = [store.resolve(f"latest/{pipeline}/release"), *map(store.resolve, past)]
    return [d for d in dict.fromkeys(digests) if d]


def _any(store: LocalStore, pipeline: str) -> bool:
    return any(_of(store, digest) for digest in releases(store, pipeline))


def _of(store: LocalStore, release: str) -> PreprocessingContract | None:
    """The contract of a release; None where it has none."""
    digest = Release.load(store.get(release)).evidence.get(ASSET)
    return PreprocessingContract.load(store.get(digest)) if digest else None
