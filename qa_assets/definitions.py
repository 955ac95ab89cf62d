"""Everything Dagster loads: one component instance per folder of ``defs/``, and what it runs on."""

from pathlib import Path

import dagster as dg

from qa_assets.dead_runs import dead_runs
from qa_assets.resources import ArtifactStoreResource, StoreIOManager, local_store, project_root


@dg.definitions
def defs() -> dg.Definitions:
    """Load every pipeline under ``defs/``."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=Path(__file__).parent), shell()
    )


def shell() -> dg.Definitions:
    """The resources, the executor and the reaper that every pipeline shares.

    Steps run in one process: they are short, and what can crash or leak runs in a subprocess of
    its own. A six-step run costs 0.9 s so, and 28 s in a process a step.
    """
    folder = str(local_store(project_root()).root)
    return dg.Definitions(
        resources={
            "store": ArtifactStoreResource(folder=folder),
            "io_manager": StoreIOManager(folder=folder),
        },
        sensors=[dead_runs],
        executor=dg.in_process_executor,
    )
