"""``qa prune``: what the store need not keep is removed, when a person says so."""

from typing import Annotated

import typer

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

    Every release stays as it was shipped; the ten newest also keep the records they were judged by.
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
        found = forgettable(store, before)
        if yes:
            forget(store, found)
        name = store.root.relative_to(root) if store.root.is_relative_to(root) else store.root
        counts = (len(found.objects), len(found.names), round(found.freed / MIB, 1), found.kept)
        rows.append((str(name), *counts))
    voice.table("Removed" if yes else "May be removed", COLUMNS, rows)
    if not yes and any(row[1] or row[2] for row in rows):
        voice.say("Nothing was removed. Next: qa prune --yes")
