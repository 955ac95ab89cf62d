"""Groups of pictures that look the same, against SciPy's connected components."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from qa_assets.datasets.look_groups import groups
from qa_assets.datasets.near_duplicates import Pairs


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(
                st.tuples(st.integers(0, n - 1), st.integers(0, n - 1), st.booleans()), max_size=40
            ),
        )
    )
)
def test_they_are_the_connected_components_of_pairs_that_look_the_same(
    given: tuple[int, list[tuple[int, int, bool]]],
) -> None:
    count, found = given
    pairs = sorted({(min(a, b), max(a, b), same) for a, b, same in found if a != b})
    first, second = (np.array([p[i] for p in pairs], np.intp) for i in (0, 1))
    same = np.array([p[2] for p in pairs], np.bool_)
    numbers = groups(Pairs(first, second, np.ones(len(pairs), np.uint32), same), count)

    joined = coo_array((np.ones(same.sum()), (first[same], second[same])), shape=(count, count))
    _, labels = connected_components(joined, directed=False)
    alone = np.bincount(labels)[labels] == 1
    np.testing.assert_array_equal(numbers == -1, alone)
    np.testing.assert_array_equal(
        (numbers[:, None] == numbers)[~alone][:, ~alone],
        (labels[:, None] == labels)[~alone][:, ~alone],
    )
    named = numbers[~alone]
    assert sorted(set(named.tolist())) == list(range(named.max(initial=-1) + 1))
