"""``qa prune``: what the store need not keep is removed, when a person says so."""

import json as json_text
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qa_assets.core.store import LocalStore

COLUMNS = ("store", "records", "names", "MiB", "records that stay")
DAYS = 90.0
MIB = 1 << 20


def prune(
    older_than: Annotated[
        float, typer.Option(min=1, help="Days that everything stays, needed or not.")
    ] = DAYS,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, it is counted.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Remove old records that neither the latest ones nor a release need; without --yes, count.

    Every release stays as it was shipped; the ten newest, and whichever a new one is compared with,
    also keep the records they were judged by.
    """
    from qa_assets.console import Voice
    from qa_assets.core.errors import InputRefused
    from qa_assets.core.leftovers import at_work
    from qa_assets.core.retention import days_ago, forget, forgettable
    from qa_assets.core.store import LocalStore
    from qa_assets.faults.asset import clean_stores
    from qa_assets.resources import local_store, project_root

    voice, before, root = Voice(as_json=json), days_ago(older_than), project_root()
    beside = [p for p in sorted(clean_stores(root).glob("*")) if p.is_dir()]
    stores = [local_store(root), *map(LocalStore, beside)]
    for store in stores:
        if busy := at_work(store.root):
            what = f"is being written by process {busy[0]}."
            raise InputRefused.of("STORE_BUSY", str(store.root), what, "Wait for its run to end.")
    rows: list[tuple[object, ...]] = []
    for store in stores:
        found = forgettable(store, before, compared_with(store))
        if yes:
            forget(store, found)
        name = store.root.relative_to(root) if store.root.is_relative_to(root) else store.root
        counts = (len(found.objects), len(found.names), round(found.freed / MIB, 1), found.kept)
        rows.append((str(name), *counts))
    voice.table("Removed" if yes else "May be removed", COLUMNS, rows)
    if not yes and any(row[1] or row[2] for row in rows):
        voice.say("Nothing was removed. Next: qa prune --yes")


def compared_with(store: "LocalStore") -> "Iterator[str]":
    """What the next candidate may be compared with, however many releases were made since.

    That is the newest release or, for a candidate that differs from it in nothing, the newest one
    before it that was made from other data; and how each release declared its preprocessing.

    Raises:
        InputRefused: ``ARTIFACT_TAMPERED``: a release is damaged.
    """
    from qa_assets.core.record import RECORD
    from qa_assets.datasets.released import data_version, other_release
    from qa_assets.preprocessing.contract import ASSET, releases

    history = (name.split("/") for name in store.names("history"))
    for pipeline in sorted({path[1] for path in history if path[2:3] == ["release"]}):
        made = releases(store, pipeline)
        for release in made[:1]:
            yield other_release(store, pipeline, data_version(store, release))
        for release in made:
            told = json_text.loads(store.read(release, RECORD))
            yield told["evidence"].get(ASSET, "")
