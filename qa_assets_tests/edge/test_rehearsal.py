"""Old releases on other runtimes: what breaks where, with a real other runtime and planted ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from qa_assets.core.digests import canonical_json
from qa_assets.core.errors import EnvironmentFault, InputRefused
from qa_assets.core.records.edge import Rehearsal, Replay
from qa_assets.core.records.export import golden_logits
from qa_assets.core.records.release import Release
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import array_bytes
from qa_assets.edge.rehearsal import (
    Kept,
    kept_releases,
    rehearse,
    releases_still_answer,
    why_broken,
)
from qa_assets_tests.edge.targets.test_contract import QUICK, available
from qa_assets_tests.export.networks import skip_first_relu, with_variants, zero


def released(version: str, *variants: str) -> Release:
    """The tiny network as it would have been shipped."""
    model = with_variants()
    files: dict[str, bytes] = {
        "golden.parquet": model.read("golden.parquet"),
        "settings.json": canonical_json({"model": dict(model.properties)}),
    }
    for variant in ("float", *variants):
        suffix = "" if variant == "float" else f".{variant}"
        files[f"model{suffix}.onnx"] = model.variant_body(variant)
        files[f"golden_logits{suffix}.npy"] = array_bytes(golden_logits(model, variant))
    return Release(pipeline="tiny", version=version, evidence={}, gates=("g",), files=files)


def harmed(release: Release, edit: Callable[[onnx.ModelProto], None]) -> Release:
    proto = onnx.load_model_from_string(release.read("model.onnx"))
    edit(proto)
    return replace(release, files={**release.files, "model.onnx": proto.SerializeToString()})


def replayed(releases: list[Release], targets: tuple[str, ...], scratch: Path, *pins: str):
    kept = [Kept(r.version, r) for r in releases]
    return rehearse(kept, targets, pins, settings=QUICK, scratch=scratch)


def test_a_release_answers_as_it_did_on_every_target(tmp_path: Path) -> None:
    targets = ("ort-cpu", "ort-static", "ort-int8", "onnx-reference")
    found = replayed([released("one", "static", "int8")], targets, tmp_path)
    assert [(r.outcome, r.flips, r.samples) for r in found.replays] == [("OK", 0, 40)] * 4
    assert max(r.error for r in found.replays) < 1e-5
    assert found.replays[0].runtime.startswith("onnxruntime ")
    assert releases_still_answer(found).passed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("edit", [skip_first_relu, zero("first.weight")])
def test_a_release_that_answers_otherwise_is_named(
    edit: Callable[[onnx.ModelProto], None], tmp_path: Path
) -> None:
    releases = [released("old"), harmed(released("new"), edit)]
    verdict = releases_still_answer(replayed(releases, ("ort-cpu",), tmp_path))
    assert (verdict.outcome, verdict.cause) == ("fail", "edge.release_broken")
    assert [row[:2] for row in verdict.evidence["what breaks where"].rows] == [("new", "ort-cpu")]


def test_samples_that_are_kept_in_another_order_are_matched_by_id(tmp_path: Path) -> None:
    import pandas as pd

    from qa_assets.core.tables import read_array, read_table, table_bytes

    whole = released("one")
    table, logits = read_table(whole, "golden.parquet"), read_array(whole, "golden_logits.npy")
    turned: pd.DataFrame = table.iloc[::-1].reset_index(drop=True)
    files = {
        **whole.files,
        "golden.parquet": table_bytes(turned),
        "golden_logits.npy": array_bytes(np.ascontiguousarray(logits[::-1])),
    }
    found = replayed([replace(whole, files=files)], ("ort-cpu",), tmp_path)
    assert (found.replays[0].flips, found.replays[0].error) == (0, 0.0)


def test_what_a_release_lacks_is_said_and_breaks_only_what_it_had(tmp_path: Path) -> None:
    whole = released("one")
    bare = replace(whole, files={k: v for k, v in whole.files.items() if "golden" not in k})
    found = replayed([whole, replace(bare, version="two")], ("ort-cpu", "ort-int8"), tmp_path)
    assert found.left_out == tuple(f"ort-int8: release {v} has no model.int8.onnx"
                                   for v in ("one", "two"))  # fmt: skip
    first, second = found.replays
    assert why_broken(first) == ""
    assert "made without golden.parquet, golden_logits.npy" in why_broken(second)


def test_what_a_release_says_of_itself_is_input(tmp_path: Path) -> None:
    files = {**released("one").files, "settings.json": b'{"model": {"input_spec": "[]"}}'}
    other = {**released("two").files, "model.onnx": b"\x08\x08garbage"}
    releases = [replace(released("one"), files=files), replace(released("two"), files=other)]
    found = replayed(releases, ("ort-cpu",), tmp_path)
    assert ["not readable" in why_broken(r) or "REFUSED" in why_broken(r) for r in found.replays]
    assert not releases_still_answer(found).passed


def test_the_store_knows_every_release_and_says_which_is_damaged(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    digests = [store.put(released(name).content()) for name in ("old", "new")]
    for digest in digests:
        store.point(f"history/tiny/release/{digest}", digest)
    damaged = store.get(digests[1]) / "model.onnx"
    damaged.chmod(0o644)
    damaged.write_bytes(b"other")
    kept = {k.version: k for k in kept_releases(store, "tiny")}
    assert kept["old"].release is not None
    found = rehearse(list(kept.values()), ("ort-cpu",), (), settings=QUICK, scratch=store.scratch())
    broken = {r.release: why_broken(r) for r in found.replays}
    assert broken["old"] == ""
    assert "cannot be read" in broken[digests[1]]


@pytest.mark.parametrize(
    "text", ["onnxruntime", "onnxruntime=1.20", "onnxruntime>=1.20", "torch==2.0", "a b==1", "==1"]
)
def test_a_candidate_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"REHEARSAL_WITH.*numpy, onnxruntime, pillow"):
        replayed([released("one")], ("ort-cpu", "torch"), tmp_path, text)


def test_without_a_replay_nothing_is_told() -> None:
    assert releases_still_answer(Rehearsal(environment="")).outcome == "cannot tell"


@pytest.mark.parametrize(
    ("flips", "error", "right"),
    [
        (0, 0.009, True),
        (0, 0.011, False),
        (0, float("nan"), False),
        (1, 0.0, True),
        (2, 0.0, False),
    ],
)
def test_limits_are_of_decisions_and_of_logits(flips: int, error: float, right: bool) -> None:
    replay = Replay(release="r", target="t", outcome="OK", flips=flips, error=error, samples=100)
    assert (why_broken(replay) == "") is right


@pytest.mark.slow
def test_an_older_onnxruntime_breaks_the_file_that_it_cannot_load(tmp_path: Path) -> None:
    available("ort@1.15.1")
    release, targets = released("one", "int8"), ("ort-cpu", "ort-int8", "torch")
    found = replayed([release], targets, tmp_path, "onnxruntime==1.15.1")
    assert [r.outcome for r in found.replays] == ["OK", "REFUSED", "OK"]
    told = [r.runtime for r in found.replays]
    assert (told[0], told[2][:6]) == ("onnxruntime 1.15.1", "torch ")
    assert "Unsupported model IR version: 10" in why_broken(found.replays[1])
    newer = replayed([release], targets, tmp_path, "onnxruntime==1.20.1")
    assert releases_still_answer(newer).passed


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_is_the_environments_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=r"ENV_TOOL.*onnxruntime==99\.9"):
        replayed([released("one")], ("ort-cpu",), tmp_path, "onnxruntime==99.9")
