"""What is said of names is said of those names, however many are looked at together."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_assets.datasets import remarks
from qa_assets.datasets.remarks import remarks_of

NAMES = st.lists(
    st.text("ax/.\nConNUL1:?*", max_size=6) | st.sampled_from(["a/con", "con", "a.png/", "x.PNG"]),
    min_size=1, max_size=12, unique=True,
)  # fmt: skip
RESERVED = ("con", "prn", "aux", "nul", "com1", "lpt1")


def told(names: list[str]) -> dict[str, int]:
    same = {"format": "PNG", "mode": "L", "noticed": ""}
    columns = {n: pa.array([w] * len(names)).dictionary_encode() for n, w in same.items()}
    return remarks_of(pa.table({"name": pa.array(names, pa.string()), **columns}), (), {})[1]


@pytest.mark.parametrize("together", [1, 3, 1 << 16])
@settings(deadline=None)
@given(names=NAMES)
def test_names_that_other_systems_do_not_take_are_counted(together: int, names: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(remarks, "_SLICE", together)
        found = told(names)
    parts = [[part.split(".")[0].lower() for part in name.split("/")] for name in names]
    bad = [
        any(c in name for c in ':?*"<>|\\') or any(p in RESERVED for p in said)
        for name, said in zip(names, parts, strict=True)
    ]
    assert found.get("NAME_PORTABLE", 0) == sum(bad)
    other = ["." in n.rsplit("/", 1)[-1] and not n.lower().endswith(".png") for n in names]
    assert found.get("IMG_EXTENSION", 0) == sum(other)
