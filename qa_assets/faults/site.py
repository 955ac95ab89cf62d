"""A copy of a pipeline in which one fault is planted; the pipeline itself is never touched."""

import inspect
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from qa_assets.artifacts import Artifact
from qa_assets.config import Pipeline
from qa_assets.core.record import Record
from qa_assets.core.verdict import Verdict
from qa_assets.faults.overlay import Overlay
from qa_assets.faults.pictures import Folder

Change = Callable[[Any], Any]
During = Callable[[], AbstractContextManager[object]]
Afterwards = Callable[[Overlay, str], None]


@dataclass(slots=True)
class Site:
    """Where a fault is planted.

    Attributes:
        pipeline: The copy: its own project folder, defs folder and dataset folder.
        store: What is made here, on top of the clean store.
        rng: Decides which samples, classes and values are hit; the checks know nothing of it.
        culprits: Names that the evidence should give: a class, a layer, ids of samples.
        results: Changes of what an artifact's making returns, by artifact name.
        inputs: Changes of the records that an artifact is made from, by artifact and input.
        during: What is different while artifacts are made, by artifact name.
        after: What happens to an artifact once it is stored, by name.
        lost: Artifacts that are never made.
        verdicts: Forged verdicts by gate title.
    """

    pipeline: Pipeline
    store: Overlay
    rng: np.random.Generator
    name: str
    culprits: set[str] = field(default_factory=set[str])
    results: dict[str, list[Change]] = field(default_factory=dict[str, list[Change]])
    inputs: dict[tuple[str, str], Change] = field(default_factory=dict[tuple[str, str], Change])
    during: dict[str, list[During]] = field(default_factory=dict[str, list[During]])
    after: dict[str, Afterwards] = field(default_factory=dict[str, Afterwards])
    lost: set[str] = field(default_factory=set[str])
    verdicts: dict[str, Verdict] = field(default_factory=dict[str, Verdict])

    @property
    def data(self) -> Folder:
        """The dataset folder, to be changed file by file."""
        return Folder(self.pipeline.root / self.pipeline.config.dataset.path, self.rng)

    def configure(self, where: str, **changes: object) -> None:
        """Change settings below ``where``, such as ``training``, as a person would in the file."""
        config = self.pipeline.config
        section = getattr(config, where)
        valid = type(section).model_validate({**dict(section), **changes})
        self.pipeline = replace(self.pipeline, config=config.model_copy(update={where: valid}))

    def threshold(self, check: str, **changes: object) -> None:
        """Change thresholds of a gate."""
        gates = self.pipeline.config.gates
        chosen: BaseModel | None = getattr(gates, check, None)
        if chosen is not None:
            changed = gates.model_copy(update={check: chosen.model_copy(update=changes)})
            config = self.pipeline.config.model_copy(update={"gates": changed})
            self.pipeline = replace(self.pipeline, config=config)

    def network(self, code: str) -> None:
        """Append to ``model.py``: ``code`` changes the network ``made`` of ``spec, classes``."""
        body = "\n".join(f"    {line}" for line in code.strip().splitlines())
        self.model_file(
            "\n_as_reviewed = network\n\n\ndef network(spec, classes):\n"
            f"    import torch\n    from torch import nn\n\n"
            f"    made = _as_reviewed(spec, classes)\n{body}\n    return made\n"
        )

    def model_file(self, code: str) -> None:
        """Append to ``model.py``."""
        path = self.pipeline.folder / self.pipeline.config.training.model
        before = path.read_text(encoding="utf-8")
        path.unlink()
        path.write_text(f"{before}\n{code}", encoding="utf-8")

    def result(self, artifact: str, change: Change) -> None:
        """Change what the making of ``artifact`` returns; a name before ``/`` means each target."""
        self.results.setdefault(artifact, []).append(change)

    def input(self, artifact: str, read: str, change: Change) -> None:
        """Change one record that ``artifact`` is made from, for it alone."""
        self.inputs[artifact, read] = change

    def while_making(self, artifacts: Iterable[str], different: During) -> None:
        """Let something be different while ``artifacts`` are made."""
        for artifact in artifacts:
            self.during.setdefault(artifact, []).append(different)

    def planted(self, artifacts: Mapping[str, Artifact], dose: float) -> dict[str, Artifact]:
        """The graph with the fault in it; what it does not touch keeps its key."""
        return {n: self._sabotage(a, dose) for n, a in artifacts.items() if n not in self.lost}

    def _sabotage(self, artifact: Artifact, dose: float) -> Artifact:
        names = {artifact.name, artifact.name.split("/")[0]}
        changes = [c for n in names for c in self.results.get(n, [])]
        different = [d for n in names for d in self.during.get(n, [])]
        inputs = {read: c for (n, read), c in self.inputs.items() if n in names}
        if not (changes or different or inputs):
            return artifact

        def make(**given: Any) -> Record:
            changed = {n: inputs[n](r) if n in inputs else r for n, r in given.items()}
            with ExitStack() as stack:
                for context in different:
                    stack.enter_context(context())
                made = artifact.make(**changed)
            for change in changes:
                made = change(made)
            return made

        setattr(make, "__signature__", inspect.signature(artifact.make))  # noqa: B010
        marked = {"planted": [self.name, dose], "settings": artifact.settings}
        return replace(artifact, make=make, settings=marked)


def copy_site(pipeline: Pipeline, name: str, store: Overlay, folder: Path) -> Site:
    """Copy what a fault may change: the defs folder and, by hard links, the dataset folder."""
    root, defs = folder / "project", folder / "defs"
    shutil.copytree(pipeline.folder, defs)
    place = pipeline.config.dataset.path
    source = pipeline.root / place
    if source.is_dir():
        shutil.copytree(source, root / place, copy_function=os.link)
    elif source.exists():
        (root / place).parent.mkdir(parents=True)
        os.link(source, root / place)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return Site(replace(pipeline, folder=defs, root=root), store, rng, name)
