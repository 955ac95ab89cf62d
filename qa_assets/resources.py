"""What the graph runs on: the artifact store, its IO manager, and who listens to a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import dagster as dg
from pydantic import Field

from qa_assets.core.digests import digest_json
from qa_assets.core.store import LocalStore

ANYTHING = cast(dg.DagsterType, dg.Any)
"""Inputs and outputs are digests; their kind is checked where a record is loaded."""
STORE = ".qa/store"
"""Where the store lies below the project, unless ``QA_STORE`` says otherwise."""


def project_root() -> Path:
    """The folder with ``workspace.yaml``: ``QA_ROOT``, or the nearest one upwards from here."""
    if given := os.environ.get("QA_ROOT"):
        return Path(given).resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "workspace.yaml").is_file():
            return folder
    checkout = Path(__file__).resolve().parent.parent
    return checkout if (checkout / "workspace.yaml").is_file() else here


def local_store(root: Path) -> LocalStore:
    """The project's store."""
    return LocalStore(root / os.environ.get("QA_STORE", STORE))


def asset_key(pipeline: str, name: str) -> dg.AssetKey:
    """Dagster's key of an artifact."""
    return dg.AssetKey([pipeline, *name.split("/")])


@dataclass(frozen=True, slots=True)
class Stored:
    """An artifact as it travels between steps: its name and digest, read when needed.

    Attributes:
        name: Name of the artifact below its pipeline.
        digest: Its digest, or "" where it was never made.
        inputs: Digest of what it was made from, by name; known where it was just made.
    """

    name: str
    digest: str
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])


def made_from(name: str, inputs: Mapping[str, str]) -> str:
    """The store's name for what an asset came to, the last time it was made from these inputs."""
    return f"from/{name}/{digest_json(dict(inputs))}"


class ArtifactStoreResource(dg.ConfigurableResource):
    """The content-addressed artifact store in a local folder."""

    folder: str = Field(description="Full path of the store.")

    def open(self) -> LocalStore:
        """The store."""
        return LocalStore(Path(self.folder))


class StoreIOManager(dg.ConfigurableIOManager):
    """Artifacts are published before the step ends; what moves between steps is their digest.

    A step reads what its own run made, and otherwise the latest that any run made.
    """

    folder: str = Field(description="Full path of the store.")

    def handle_output(self, context: dg.OutputContext, obj: Stored) -> None:
        """Let the run's name and the latest name point at what was published."""
        store = LocalStore(Path(self.folder))
        name = "/".join(context.asset_key.path)
        store.point(f"runs/{context.run_id}/{name}", obj.digest)
        store.point(f"latest/{name}", obj.digest)
        store.point(made_from(name, obj.inputs), obj.digest)
        if store.resolve(f"history/{name}/{obj.digest}") is None:
            store.point(f"history/{name}/{obj.digest}", obj.digest)

    def load_input(self, context: dg.InputContext) -> Stored:
        """Find the digest; an artifact that was never made has none."""
        store = LocalStore(Path(self.folder))
        name = "/".join(context.asset_key.path)
        digest = store.resolve(f"runs/{_run_of(context)}/{name}") or store.resolve(f"latest/{name}")
        return Stored("/".join(context.asset_key.path[1:]), digest or "")


def _run_of(context: dg.InputContext) -> str:
    try:
        return context.step_context.run_id
    except dg.DagsterInvariantViolationError:  # loaded outside a run: from a notebook, by a person
        return "none"
