"""The YAML attributes of one pipeline: each room's own settings, put together."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, Field, create_model, model_validator
from pydantic_core import PydanticCustomError

from qa_assets.core.check import CHECKS, Check
from qa_assets.core.config import BesideDefs, Frozen, InputSpec, Strict
from qa_assets.core.errors import InputRefused
from qa_assets.core.records.comparison import FirstRelease
from qa_assets.core.strict_yaml import load_settings
from qa_assets.datasets.settings import DatasetSettings, SplitSettings, SpotCheckSettings
from qa_assets.edge.settings import EdgeSettings
from qa_assets.edge.target import find
from qa_assets.evaluation.settings import BehaviorSettings
from qa_assets.export.settings import ExportSettings
from qa_assets.training.settings import TrainingSettings

DEFS = "defs.yaml"


class _Chosen(Strict):
    def chosen(self) -> Iterator[tuple[Check, dict[str, Any]]]:
        """Each chosen check with the thresholds given to it, in the order of the registry."""
        for name in type(self).model_fields:
            if name in self.model_fields_set:
                thresholds: BaseModel = getattr(self, name)
                yield CHECKS[name], dict(thresholds)


if TYPE_CHECKING:
    ChosenChecks = _Chosen
else:  # one field per registered check, so that a typo is an error with a line number; null is none
    _fields: dict[str, Any] = {
        name: (entry.thresholds, Field(default=None, description=entry.description))
        for name, entry in CHECKS.items()
    }
    ChosenChecks = create_model("ChosenChecks", __base__=_Chosen, **_fields)


class PipelineConfig(Frozen):
    """One dataset, one model, its gates and its edge targets."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    """Prefix of every asset of the pipeline."""
    description: str = ""
    """One sentence for people: what the model is for."""
    owners: tuple[Annotated[str, Field(pattern=r"^(team:\S+|[^@\s]+@[^@\s]+)$")], ...] = ()
    """Who is asked: ``team:name`` or an e-mail address."""
    dataset: DatasetSettings
    """Where the samples come from."""
    splits: SplitSettings = SplitSettings()
    """Which samples train, validate and test."""
    spot_check: SpotCheckSettings = SpotCheckSettings()
    """How many samples a person is asked to look at."""
    input: InputSpec
    """What the network takes: the preprocessing as data."""
    training: TrainingSettings = TrainingSettings()
    """Hyper-parameters and the network's file."""
    export: ExportSettings = ExportSettings()
    """How the model is written for devices."""
    edge: EdgeSettings = EdgeSettings()
    """Where it must run, and how that is measured."""
    gates: ChosenChecks
    """Checks that block what lies downstream, with their thresholds."""
    monitors: ChosenChecks = ChosenChecks()
    """Checks that only warn."""
    behavior: BehaviorSettings = BehaviorSettings()
    """What must not change an answer, and hand-made cases."""
    first_release: FirstRelease = "undecided"
    """Before any release: ``absolute`` lets the gates without a comparison decide alone."""
    nightly: Annotated[str, Field(pattern=r"^(\S+\s+){4}\S+$")] = "0 2 * * *"
    """When the nightly run looks for something to do, as a cron line in UTC."""

    @model_validator(mode="after")
    def _gates_are_there_once(self) -> Self:
        if not self.gates.model_fields_set:
            what = "gates: at least one gate is required, or nothing would be checked"
            raise PydanticCustomError("CONF_MISSING", what)
        twice = self.gates.model_fields_set & self.monitors.model_fields_set
        if twice:
            raise ValueError(f"monitors: {sorted(twice)} are gates already; keep one of the two")
        return self


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A validated configuration and where it was found.

    Attributes:
        config: The attributes of ``defs.yaml``.
        folder: Where ``defs.yaml`` lies, with the files it names.
        root: The project's top folder; dataset paths start there.
    """

    config: PipelineConfig
    folder: Path
    root: Path

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.config.name

    def beside(self, name: str | Path) -> Path:
        """The full path of a file that ``defs.yaml`` names.

        Raises:
            InputRefused: ``CONF_PATH``: it is not there, or leaves the folder.
        """
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise InputRefused.of(
                "CONF_PATH", str(name), "leaves the pipeline's folder.", "Put it beside defs.yaml."
            )
        if not path.is_file():
            raise InputRefused.of(
                "CONF_PATH", str(name), f"is not in {self.folder}.", "Put it beside defs.yaml."
            )
        return path

    def folder_beside(self, name: str) -> Path | None:
        """The full path of a folder that ``defs.yaml`` names; None where it names none.

        Raises:
            InputRefused: ``CONF_PATH``: it is not there.
        """
        path = self.folder / name
        if name and not path.is_dir():
            raise InputRefused.of(
                "CONF_PATH", name, f"is no folder in {self.folder}.", "Put it beside defs.yaml."
            )
        return path if name else None

    def resolve_files(self, check: Check, thresholds: dict[str, Any]) -> dict[str, Any]:
        """The thresholds with the full path wherever one names a file."""
        fields = check.thresholds.model_fields
        return {
            name: self.beside(value)
            if any(isinstance(mark, BesideDefs) for mark in fields[name].metadata)
            else value
            for name, value in thresholds.items()
        }


def read_pipeline(folder: Path, root: Path) -> Pipeline:
    """Read and validate the ``defs.yaml`` of one pipeline.

    Raises:
        InputRefused: With file, line and key of everything that is wrong.
    """
    config = load_settings(folder / DEFS, PipelineConfig, at=("attributes",))
    pipeline = Pipeline(config, folder, root)
    for target in config.edge.targets:
        find(target, config.edge)
    for chosen in (config.gates, config.monitors):
        for check, thresholds in chosen.chosen():
            pipeline.resolve_files(check, thresholds)
    return pipeline
