"""Pictures are well-formed XML whatever their labels hold, and draw the numbers given."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qa_assets.core import pictures

SVG = "{http://www.w3.org/2000/svg}"
LABELS = st.lists(st.text(st.characters(exclude_categories=("Cs",))), min_size=1, max_size=4)


@given(LABELS)
def test_any_label_gives_a_well_formed_picture(labels: list[str]) -> None:
    counts = np.ones((len(labels), len(labels)), dtype=int)
    for body in (
        pictures.bars(labels, [1.0] * len(labels)),
        pictures.heatmap(labels, counts),
        pictures.lines({key: [1.0, 2.0] for key in labels}),
        pictures.histogram(np.arange(5.0), labels[0]),
    ):
        drawn = {element.tag.removeprefix(SVG) for element in ET.fromstring(body).iter()}
        assert drawn <= {"svg", "rect", "text", "polyline"}


def test_bars_are_as_long_as_their_values() -> None:
    root = ET.fromstring(pictures.bars(["a", "b", "c"], [4, 2, 0]))
    widths = [float(r.attrib["width"]) for r in root.iter(f"{SVG}rect")]
    assert widths[0] == 2 * widths[1] > widths[2] == 0


def test_a_confusion_matrix_shows_every_count_that_is_not_zero() -> None:
    root = ET.fromstring(pictures.heatmap(["a", "b"], np.array([[7, 0], [3, 9]])))
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert [t for t in texts if t and t.isdigit()] == ["7", "3", "9"]


def test_a_histogram_counts_every_value_of_its_range() -> None:
    root = ET.fromstring(pictures.histogram(np.repeat([0.0, 10.0], 50), "ms", bins=10))
    heights = [float(r.attrib["height"]) for r in root.iter(f"{SVG}rect")]
    assert heights == [96.0, *[0.0] * 8, 96.0]


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300), st.integers(1, 40))
def test_a_histogram_is_that_of_numpy(values: list[float], bins: int) -> None:
    given = np.array(values, np.float32) + np.float32(0)  # no -0
    low, high = np.percentile(given.astype(float), [0.1, 99.9])
    root = ET.fromstring(pictures.histogram(given, "ms", bins=bins))
    *_, first, last = (t.text for t in root.iter(f"{SVG}text"))
    assert (first, last) == (f"{low:.3g} ms", f"{max(high, low + 1e-9):.3g} ms")
    if high - low > 1e-3:
        counts, edges = np.histogram(given.astype(float), bins=bins, range=(low, high))
        near = np.abs(given[:, None] - edges).min(axis=1) < 1e-9 * np.abs(edges).max()
        assume(not near.any())  # rounding decides on which side such a one is
        heights = [float(r.attrib["height"]) for r in root.iter(f"{SVG}rect")]
        assert heights == [float(f"{96 * c / max(counts.max(), 1):.1f}") for c in counts]


@pytest.mark.parametrize("values", [[0.0, 0.0], [float("nan"), 1.0], [3.0]])
def test_lines_leave_out_what_is_not_a_number(values: list[float]) -> None:
    body = pictures.lines({"loss": values}).decode()
    assert "nan" not in body
    ET.fromstring(body)
