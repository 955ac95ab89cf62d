"""Measures against numpy and scipy; duplicates that are planted are found, none is invented."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, stats

from qa_assets.checks.leakage import splits_share_no_look
from qa_assets.checks.quality import (
    alike_samples_agree,
    few_blank,
    few_look_the_same,
    few_suspicious_labels,
)
from qa_assets.core.records.datasets import SAMPLES
from qa_assets.core.records.quality import SampleQuality
from qa_assets.core.tables import read_table
from qa_assets.datasets.label_audit import label_audit
from qa_assets.datasets.measures import measure
from qa_assets.datasets.quality import quality
from qa_assets.datasets.settings import SplitSettings
from qa_assets.datasets.splits import split
from qa_assets_tests.datasets.samples import DIGITS_INPUT, digits, grey, picture, saved, take, write


def test_measures_of_pictures_against_numpy_and_scipy() -> None:
    stack = np.stack([grey(n, 24) for n in range(5)])
    look = measure(stack)
    scaled = stack / 255
    np.testing.assert_allclose(look.numbers["brightness"], scaled.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(look.numbers["contrast"], scaled.std(axis=(1, 2)), rtol=1e-6)
    for row, pixels in enumerate(stack):
        counts = np.bincount(pixels.ravel(), minlength=256)
        np.testing.assert_allclose(
            look.numbers["entropy"][row], stats.entropy(counts, base=2), rtol=1e-5
        )
        laplace = ndimage.convolve(
            pixels.astype(float), [[0, -1, 0], [-1, 4, -1], [0, -1, 0]], mode="constant"
        )
        inner = laplace[1:-1, 1:-1].std() / 255
        np.testing.assert_allclose(look.numbers["sharpness"][row], inner, rtol=1e-5)
        median = np.quantile(pixels, 0.5, method="inverted_cdf") / 255
        np.testing.assert_allclose(look.numbers["p50"][row], median, rtol=1e-6)
    blocks = stack.reshape(5, 8, 3, 8, 3).mean(axis=(2, 4)).reshape(5, -1)
    np.testing.assert_allclose(look.thumbs, np.rint(blocks), atol=1)


@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 5))
def test_oddness_is_the_largest_robust_distance_from_the_class(
    seed: int, count: int, classes: int
) -> None:
    from qa_assets.datasets.quality import _oddness

    draw = np.random.default_rng(seed)
    codes = np.unique(draw.integers(0, classes, count), return_inverse=True)[1]
    numbers = {
        "smooth": draw.normal(5, 2, count).astype(np.float32),
        "same": np.full(count, 3.0, np.float32),
        "mostly": np.where(draw.random(count) < 0.8, 28, draw.integers(1, 99, count)),
    }
    distance, which, typical = _oddness(numbers, codes)
    for row in range(count):
        found = []
        for values in numbers.values():
            own = values[codes == codes[row]].astype(float)
            spread = stats.median_abs_deviation(own, scale="normal")
            least = float(np.std(values)) / 2
            away = abs(values[row] - np.median(own)) / max(spread, least) if least else 0.0
            found.append((away, np.median(own)))
        most = max(away for away, _ in found)
        assert distance[row] == pytest.approx(most, rel=1e-3, abs=1e-6)
        if most:
            assert found[which[row]][0] == pytest.approx(most, rel=1e-3, abs=1e-6)
            assert typical[row] == pytest.approx(found[which[row]][1], rel=1e-5)
        else:
            assert typical[row] == 0


def reencoded(body: bytes, quality_: int) -> bytes:
    with Image.open(io.BytesIO(body)) as image:
        return saved(image, "JPEG", quality=quality_)


def digit_files(count: int) -> dict[str, bytes]:
    """Some real digits by name."""
    from qa_assets.preprocessing.samples import read_payloads

    taken = digits()[0]
    labels = read_table(taken, SAMPLES).set_index("id")["label"]
    found = sorted(read_payloads(taken))[:count]
    return {f"data/{labels[i]}/{i[:12]}.png": body for i, body in found}


def test_planted_duplicates_are_all_found_and_none_is_invented(tmp_path: Path) -> None:
    files = digit_files(500)
    names = sorted(files)
    clean = quality(take(write(tmp_path / "clean", files)))
    assert (clean.alike, few_look_the_same(clean).outcome) == (0, "pass")
    exact = {n.replace(".png", "-copy.png"): files[n] for n in names[:50]}
    again = {n.replace(".png", ".jpg"): reencoded(files[n], 95) for n in names[50:100]}
    taken = take(write(tmp_path / "planted", files | exact | again))
    assert taken.remark_counts["SET_DUPLICATE"] == 50
    found = quality(taken)
    assert (found.group_count, found.alike) == (50, 100)
    assert all(len({n.split(".")[0] for n in g.names}) == 1 for g in found.groups)
    verdict = few_look_the_same(found)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.near_duplicates")
    assert alike_samples_agree(found).outcome == "pass"


def test_a_leaked_test_sample_is_named_even_as_jpeg(tmp_path: Path) -> None:
    files = digit_files(300)
    clean = take(write(tmp_path, files))
    sides = split(clean, SplitSettings())
    verdict = splits_share_no_look(sides, quality(clean), clean)
    assert verdict.outcome == "pass"
    table = read_table(sides, SAMPLES)
    names = read_table(clean, SAMPLES).set_index("id")["name"]
    for place, sample in enumerate(table.loc[table["split"] == "test", "id"]):
        name = f"data/{names[sample]}"
        for level in range(90, 96):  # one of the re-encodings falls on another side
            leak = name.replace(".png", f"-{level}.jpg")
            write(tmp_path, {leak: reencoded(files[name], level)})
        if place == 2:
            break
    taken = take(tmp_path)
    verdict = splits_share_no_look(split(taken, SplitSettings()), quality(taken), taken)
    assert (verdict.outcome, verdict.cause) == ("fail", "data.leaked")
    assert any(".jpg" in f"{row[0]} {row[1]}" for row in verdict.evidence["pairs"].rows)


def test_the_same_look_under_two_labels_is_a_fault(tmp_path: Path) -> None:
    body = picture(1, 32)
    files = {
        f"data/{c}/{n}.png": picture(10 * k + n, 32) for k, c in enumerate("ab") for n in (2, 3)
    }
    write(tmp_path, {**files, "data/a/x.png": body, "data/b/y.jpg": reencoded(body, 97)})
    verdict = alike_samples_agree(quality(take(tmp_path)))
    assert (verdict.outcome, verdict.cause) == ("fail", "data.labels_disagree")
    assert "a/x.png" in verdict.summary


def test_two_labels_of_one_look_are_found_beyond_what_is_named() -> None:
    """Groups of three that agree come before those of two only where none disagrees."""
    from qa_assets.datasets.quality import NAMED_GROUPS, _mixed, _named_groups

    count = NAMED_GROUPS + 10
    group = np.repeat(np.arange(count), 3)
    group[-1] = -1
    labels = np.zeros(len(group), np.int64)
    labels[-2] = 1
    mixed = _mixed(group, labels, count)
    assert mixed.sum() == 1
    names = [str(i) for i in range(len(group))]
    columns = {"id": pa.array([n.encode() for n in names]), "name": pa.array(names)}
    columns["label"] = pa.array(labels.astype(str))
    named = _named_groups(columns, group, np.bincount(group[group >= 0]), mixed)
    assert len(named) == NAMED_GROUPS
    assert named[0].labels == ("0", "1")
    assert len(named[1].ids) == 3
    assert [bytes.fromhex(i).decode() for i in named[1].ids] == list(named[1].names)


def test_more_labels_are_counted_than_are_named(tmp_path: Path) -> None:
    """A ninth of 1,500 labels is wrong: more than the fifty that a record lists."""
    files = digit_files(1500)
    wrong = {
        n: f"data/{(int(n.split('/')[1]) + 1 + i % 9) % 10}/{n.split('/')[2]}"
        for i, n in enumerate([*files][::9])
    }
    taken = take(write(tmp_path, {wrong.get(n, n): body for n, body in files.items()}))
    verdict = few_suspicious_labels(label_audit(taken, DIGITS_INPUT))
    assert verdict.measured is not None
    assert verdict.measured > 50 / 1500
    assert len(wrong) == 167


def test_blank_samples_are_counted_and_never_called_alike(tmp_path: Path) -> None:
    for n in range(6):
        write(tmp_path, {f"data/{'ab'[n % 2]}/{n}.png": picture(n)})
        flat = Image.new("L", (16, 16), 40 * n)
        write(tmp_path, {f"data/{'ab'[n % 2]}/flat{n}.png": saved(flat, "PNG")})
    found = quality(take(tmp_path))
    assert (found.blank, found.alike) == (6, 0)
    assert few_blank(found).cause == "data.blank_samples"


def test_nothing_measured_is_no_judgement() -> None:
    nothing = SampleQuality(samples=0, means={})
    assert few_look_the_same(nothing).outcome == few_blank(nothing).outcome == "cannot tell"


def test_clean_digits_have_few_suspicious_labels() -> None:
    found = label_audit(digits()[0], DIGITS_INPUT)
    assert found.samples == 1797
    assert found.agreement > 0.98
    verdict = few_suspicious_labels(found)
    assert verdict.outcome == "pass"
    assert few_suspicious_labels(found, max_share=0.0).cause == "data.label_noise"


def test_a_sheet_of_nothing_is_an_empty_picture() -> None:
    """A set whose labels are all as they seem has no suspect to show."""
    import io

    from PIL import Image

    from qa_assets.datasets.contact_sheet import sheet_of
    from qa_assets_tests.datasets.samples import digits

    snapshot, _, _ = digits()
    with Image.open(io.BytesIO(sheet_of(snapshot, []))) as sheet:
        assert sheet.width > 0
