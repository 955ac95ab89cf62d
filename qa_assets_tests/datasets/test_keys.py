"""Digests in arrays against Python's own bytes."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.datasets import keys

DIGESTS = st.lists(
    st.builds(lambda head, n: head * 8 + n.to_bytes(24, "big"), st.sampled_from([b"\0", b"a"]),
              st.integers(0, 5)),
    min_size=1, max_size=40,
)  # fmt: skip
"""Few different ones, many of them alike in their first eight bytes."""


def array(digests: list[bytes]) -> keys.Keys:
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, keys.WIDTH)


@given(DIGESTS)
def test_they_sort_and_repeat_as_bytes_do(digests: list[bytes]) -> None:
    order = keys.order(array(digests))
    assert order.tolist() == sorted(range(len(digests)), key=lambda n: (digests[n], n))
    ordered = [digests[n] for n in order]
    same = [False, *(a == b for a, b in pairwise(ordered))]
    assert keys.repeats(array(ordered)).tolist() == same


@given(DIGESTS, DIGESTS)
def test_each_is_found_where_it_stands(wanted: list[bytes], there: list[bytes]) -> None:
    among = list(dict.fromkeys(there))
    places = keys.locate(array(wanted), array(among))
    assert places.tolist() == [among.index(d) if d in among else -1 for d in wanted]


@given(DIGESTS)
def test_keys_are_spelt_in_hexadecimal(digests: list[bytes]) -> None:
    spelt = keys.spelt(array(digests))
    spelt.validate(full=True)
    assert spelt.to_pylist() == [d.hex() for d in digests]
    assert (keys.of_column(keys.column(array(digests)).slice(1)) == array(digests)[1:]).all()


def test_nothing_is_found_among_nothing() -> None:
    none = np.zeros((0, keys.WIDTH), np.uint8)
    assert keys.locate(array([b"x" * 32]), none).tolist() == [-1]
    assert len(keys.locate(none, array([b"x" * 32]))) == 0


@given(DIGESTS, DIGESTS)
def test_what_grew_is_found_where_it_stood(before: list[bytes], more: list[bytes]) -> None:
    among = list(dict.fromkeys(before))
    places = keys.locate(array([*among, *more]), array(among))
    found = [among.index(d) if d in among else -1 for d in more]
    assert places.tolist() == [*range(len(among)), *found]


@given(DIGESTS, DIGESTS)
def test_an_index_holds_what_it_was_made_of(there: list[bytes], asked: list[bytes]) -> None:
    index = keys.Index(array(there))
    assert [d in index for d in (*there, *asked)] == [d in there for d in (*there, *asked)]


def test_nothing_is_in_an_empty_index() -> None:
    assert b"x" * 32 not in keys.Index(np.zeros((0, keys.WIDTH), np.uint8))
