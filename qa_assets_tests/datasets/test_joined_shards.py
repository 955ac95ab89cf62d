"""Many small shards become one, in their order; what is large is not copied."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qa_assets.core.tables import read_mapped, write_mapped
from qa_assets.datasets import shards
from qa_assets.datasets.joined_shards import together
from qa_assets_tests.datasets.samples import pets, take


def test_what_is_large_stays_and_order_is_kept_where_shards_are_joined(tmp_path: Path) -> None:
    taken = take(pets(tmp_path, 12))
    whole = read_mapped(taken.files["measures-00000.arrow"])
    sizes = [300_000, 4000, 3000, 900_000, *[7000] * 7, 6000, 5000]
    pairs: list[shards.Pair] = []
    for number, size in enumerate(sizes):
        pair = shards.Pair(tmp_path / f"p{number}", tmp_path / f"m{number}")
        body = pa.array([np.random.default_rng(number).bytes(size)], pa.large_binary())
        pq.write_table(pa.table({"id": [f"{number}"], "payload": body}), pair.payloads)
        write_mapped(pair.measures, whole.slice(number, 1))
        pairs.append(pair)
    joined = together(pairs, tmp_path)
    assert joined[:4] == pairs[:4]
    assert len(joined) == 5
    assert pq.read_table(joined[4].payloads)["id"].to_pylist() == [str(n) for n in range(4, 13)]
    assert read_mapped(joined[4].measures)["key"].to_pylist() == whole["key"].to_pylist()[4:13]
    assert together(pairs[:11], tmp_path) == pairs[:11]  # seven small ones are no reason
