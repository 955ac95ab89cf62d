"""Any dataset as a folder of pictures: the form in which faults of its samples are planted."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qa_assets.artifacts import obtain
from qa_assets.config import DEFS, Pipeline, read_pipeline
from qa_assets.core.records.datasets import PARTS, SAMPLES, DatasetSnapshot
from qa_assets.core.store import LocalStore
from qa_assets.core.tables import read_table
from qa_assets.graph import build_graph
from qa_assets.preprocessing.samples import read_payloads

DATA = "pictures"
GROUP = r"/([^/]*?)(?:__)?[0-9a-f]{64}\."
"""A picture is called by its group and its id."""
NO_NAME = '<>:"/\\|?*%'
"""What a file's name may not have is written as in an address."""


def as_pictures(pipeline: Pipeline, store: LocalStore) -> Pipeline:
    """The pipeline itself where its dataset is a folder of pictures, else a copy whose dataset is.

    The same samples with the same labels, groups and sides, so with the same ids and splits; a
    group whose name no file can have is another one. What else the dataset says of each sample is
    not taken along.

    Args:
        pipeline: Stays as it is.
        store: The copy lies beside its objects, once a version.
    """
    settings = pipeline.config.dataset
    if settings.format == "image_folder" and not (pipeline.root / settings.path).is_file():
        return pipeline
    artifacts, _ = build_graph(pipeline)
    snapshot = obtain(artifacts["dataset_snapshot"], {}, store).record
    assert isinstance(snapshot, DatasetSnapshot)
    if any(name != Path(name).name for name in snapshot.classes):
        return pipeline  # such a class can be no folder: what needs one says so, fault by fault
    copy = store.root / DATA / snapshot.version
    with tempfile.TemporaryDirectory(dir=store.scratch()) as scratch:
        made = Path(scratch) / "copy"
        shutil.copytree(pipeline.folder, made / "defs")
        (made / "defs" / DEFS).write_text(json.dumps(_settings(pipeline, snapshot)), "utf-8")
        _write(snapshot, made / DATA)
        shutil.rmtree(copy, ignore_errors=True)
        copy.parent.mkdir(parents=True, exist_ok=True)
        made.rename(copy)
    return read_pipeline(copy / "defs", copy)


def _settings(pipeline: Pipeline, snapshot: DatasetSnapshot) -> Mapping[str, Any]:
    """As they are but for the dataset: JSON is YAML."""
    chosen = pipeline.config.model_dump(mode="json", exclude_unset=True)
    kept = {k: v for k, v in chosen["dataset"].items() if k == "limits"}
    chosen["dataset"] = {**kept, "path": DATA, "format": "image_folder", "group_pattern": GROUP}
    return {"type": "qa_assets.component.QaPipeline", "attributes": chosen}


def _write(snapshot: DatasetSnapshot, folder: Path) -> None:
    rows = read_table(snapshot, SAMPLES)[["id", "label", "group", "format"]]
    texts = [[str(value) for value in rows[name]] for name in rows.columns]
    sides = [str(part).split(",")[0] for part in read_table(snapshot, PARTS)["part"]]
    if not all(sides):  # a folder says it of all or of none; nobody may go by some
        sides = [""] * len(sides)
    known = {sample: said for sample, *said in zip(*texts, sides, strict=True)}
    for sample, payload in read_payloads(snapshot):
        label, group, kind, side = known[sample]
        written = "".join(quote(c, safe="") if c in NO_NAME else c for c in group)
        start = f"{written}__" if written else ""
        path = folder / side / label / f"{start}{sample}.{kind.lower()}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
