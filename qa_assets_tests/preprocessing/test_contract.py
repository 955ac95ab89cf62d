"""The contract of the preprocessing: what changed is named, what did not change is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa_assets.checks.preprocessing import (
    preprocessing_round_trips,
    preprocessing_unchanged_since_release,
)
from qa_assets.core.config import InputSpec
from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.preprocessing import (
    DECODED,
    GOLDEN_INPUTS,
    NORMALISED,
    PreprocessingContract,
)
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import array_bytes, read_array, read_table
from qa_assets.preprocessing import image
from qa_assets.preprocessing.contract import changes, contract, round_trip_error
from qa_assets_tests.datasets.samples import digits

SPEC = InputSpec(height=8, width=8, channels=3, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))


def made(root: Path, spec: InputSpec = SPEC, first: str = "absolute") -> PreprocessingContract:
    return contract(digits()[0], spec, LocalStore(root), "digits", first)  # type: ignore[arg-type]


def released(root: Path, record: PreprocessingContract) -> str:
    store = LocalStore(root)
    evidence = {"preprocessing_contract": store.put(record.content())}
    release = Release(pipeline="digits", version="r", evidence=evidence, gates=())
    digest = store.put(release.content())
    store.point("latest/digits/release", digest)
    return digest


def test_golden_inputs_and_outputs_are_stored(tmp_path: Path) -> None:
    found = made(tmp_path)
    golden = read_table(found, GOLDEN_INPUTS)
    assert found.inputs == len(golden) == 7 + 16
    decoded = np.asarray(read_array(found, DECODED))
    for row, body in zip(decoded, golden["payload"], strict=True):
        np.testing.assert_array_equal(row, image.decode(body, SPEC))
    np.testing.assert_array_equal(read_array(found, NORMALISED), image.normalise(decoded, SPEC))
    assert preprocessing_unchanged_since_release(found).passed
    assert preprocessing_round_trips(found).passed


def test_an_unchanged_release_leaves_no_trace(tmp_path: Path) -> None:
    first = made(tmp_path)
    released(tmp_path, first)
    assert made(tmp_path) == first
    assert list(changes(first, SPEC)) == []


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"interpolation": "bicubic"}, "interpolation"),
        ({"mean": (0.5, 0.4, 0.31)}, "normalisation"),
        ({"std": (0.25, 0.2, 0.31)}, "normalisation"),
        ({"scale": 256.0}, "normalisation"),
        ({"height": 9}, "size"),
    ],
)
def test_what_is_declared_otherwise_is_named(
    tmp_path: Path, changed: dict[str, object], part: str
) -> None:
    digest = released(tmp_path, made(tmp_path))
    found = made(tmp_path, SPEC.model_copy(update=changed))
    verdict = preprocessing_unchanged_since_release(found)
    assert (verdict.outcome, verdict.cause) == ("fail", f"preprocessing.{part}_changed")
    assert digest[:12] in verdict.summary
    assert verdict.where["parts"] == part
    assert next(iter(changed)) in verdict.summary
    assert preprocessing_unchanged_since_release(found, accepted=(part,)).passed  # type: ignore[arg-type]


Pixels = NDArray[np.uint8]


def other_decoder(record: PreprocessingContract, change: Callable[[Pixels], Pixels]) -> Pixels:
    return change(np.asarray(read_array(record, DECODED), np.uint8))


def resized(record: PreprocessingContract, method: str) -> Pixels:
    spec = SPEC.model_copy(update={"interpolation": method})
    return np.stack([image.decode(b, spec) for b in read_table(record, GOLDEN_INPUTS)["payload"]])


@pytest.mark.parametrize(
    ("then", "part", "said"),
    [
        (lambda r: other_decoder(r, lambda p: p[..., ::-1].copy()), "decoder", "other pixels"),
        (lambda r: other_decoder(r, lambda p: p // 2), "decoder", "other pixels"),
        (lambda r: resized(r, "nearest"), "interpolation", "resized otherwise"),
        (lambda r: resized(r, "box"), "interpolation", "resized otherwise"),
    ],
)
def test_a_decoder_or_library_that_does_otherwise_is_named(
    tmp_path: Path, then: Callable[[PreprocessingContract], Pixels], part: str, said: str
) -> None:
    """The release was made by code that did otherwise under the same settings."""
    now = made(tmp_path)
    decoded = then(now)
    files = {
        **now.files,
        DECODED: array_bytes(decoded),
        NORMALISED: array_bytes(image.normalise(decoded, SPEC)),
    }
    released(tmp_path, replace(now, files=files))
    verdict = preprocessing_unchanged_since_release(made(tmp_path))
    assert (verdict.outcome, verdict.cause) == ("fail", f"preprocessing.{part}_changed")
    assert said in verdict.summary


def test_a_normalisation_that_does_otherwise_is_named(tmp_path: Path) -> None:
    now = made(tmp_path)
    seen = np.asarray(read_array(now, NORMALISED)) * np.float32(1.001)
    released(tmp_path, replace(now, files={**now.files, NORMALISED: array_bytes(seen)}))
    verdict = preprocessing_unchanged_since_release(made(tmp_path))
    assert verdict.cause == "preprocessing.normalisation_changed"
    assert len(verdict.samples) == 16  # ids of samples; made pictures have none


def test_a_library_alone_is_shown_and_passes(tmp_path: Path) -> None:
    now = made(tmp_path)
    released(tmp_path, replace(now, libraries={**now.libraries, "pillow": "11.0"}))
    verdict = preprocessing_unchanged_since_release(made(tmp_path))
    assert verdict.passed
    assert verdict.evidence["changes"].rows[0][:3] == ("library", "pillow", "11.0")


def test_without_a_release_only_the_declaration_decides(tmp_path: Path) -> None:
    undecided = made(tmp_path, first="undecided")
    assert preprocessing_unchanged_since_release(undecided).outcome == "cannot tell"
    released(tmp_path, undecided)
    assert preprocessing_unchanged_since_release(made(tmp_path, first="undecided")).passed
    digest = released(tmp_path, made(tmp_path))
    damaged = next((LocalStore(tmp_path).get(digest)).glob("record.json"))
    damaged.write_bytes(canonical_json({}))
    lost = preprocessing_unchanged_since_release(made(tmp_path))
    assert lost.outcome == "cannot tell"
    assert "cannot" in lost.outcome
    assert "release" in lost.summary


@given(
    st.floats(0.01, 300), st.floats(-3, 3), st.floats(0.01, 10),
)  # fmt: skip
def test_usual_settings_can_be_undone(scale: float, mean: float, std: float) -> None:
    assert (
        round_trip_error(SPEC.model_copy(update={"scale": scale, "mean": (mean,), "std": (std,)}))
        < 0.01
    )


@pytest.mark.parametrize("wrong", [{"mean": (1e9,)}, {"std": (1e39,)}, {"scale": 1e-40}])
def test_what_cannot_be_undone_fails(tmp_path: Path, wrong: dict[str, object]) -> None:
    spec = SPEC.model_copy(update=wrong)
    with np.errstate(all="ignore"):
        verdict = preprocessing_round_trips(made(tmp_path, spec))
    assert (verdict.outcome, verdict.cause) == ("fail", "preprocessing.not_invertible")


def test_a_release_that_declares_unknown_things_is_unreadable(tmp_path: Path) -> None:
    now = made(tmp_path)
    released(tmp_path, replace(now, spec={**now.spec, "gamma": "2.2"}))
    with pytest.raises(InputRefused, match="RECORD_SCHEMA"):
        list(changes(replace(now, spec={**now.spec, "gamma": "2.2"}), SPEC))
    assert preprocessing_unchanged_since_release(made(tmp_path)).outcome == "cannot tell"
