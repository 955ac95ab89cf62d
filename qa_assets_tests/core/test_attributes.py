"""Attributes travel as one column of text and come back as columns of their own."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from qa_assets.core.attributes import (
    FEWEST_TO_MEASURE,
    attribute_columns,
    attributes_text,
    split_by_kind,
)

WORDS = st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=5), max_size=4)


@given(st.lists(WORDS, max_size=6))
def test_what_was_said_of_each_sample_comes_back(said: list[dict[str, str]]) -> None:
    columns = attribute_columns([attributes_text(values) for values in said])
    back = [{n: str(c[i]) for n, c in columns.items() if c[i]} for i in range(len(said))]
    assert back == [{n: v for n, v in values.items() if v} for values in said]


def test_the_order_of_the_columns_in_a_table_says_nothing() -> None:
    assert attributes_text({"a": "1", "b": "2"}) == attributes_text({"b": "2", "a": "1"})
    assert attributes_text({"a": ""}) == ""


def test_numbers_of_many_values_are_measures_and_all_else_names() -> None:
    many = np.arange(FEWEST_TO_MEASURE).astype(str).astype(object)
    few, gap = np.where(many > "5", "1", "2").astype(object), many.copy()
    gap[3] = ""
    names, measures = split_by_kind({"age": many, "site": few, "gap": gap})
    assert (set(names), set(measures)) == ({"site", "gap"}, {"age"})
    assert measures["age"].tolist() == list(range(FEWEST_TO_MEASURE))
