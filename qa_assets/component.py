"""The YAML face of the graph: one ``defs.yaml``, one pipeline under quality assurance."""

from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel

from qa_assets.assets import build_assets
from qa_assets.automation import build_automation
from qa_assets.config import Pipeline, PipelineConfig, read_pipeline
from qa_assets.faults.asset import selftest_artifacts, selftest_group
from qa_assets.gates import build_checks
from qa_assets.graph import build_graph
from qa_assets.resources import project_root


class QaPipeline(dg.Component):
    """Quality assurance of one dataset and the model trained on it, cloud to edge."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    @classmethod
    def get_model_cls(cls) -> type[PipelineConfig]:
        """The schema of ``attributes`` in ``defs.yaml``."""
        return PipelineConfig

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """Read the file strictly: what YAML would quietly convert or drop is refused."""
        return cls(read_pipeline(Path(context.path), project_root()))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the assets, checks and automation of this pipeline."""
        return build_definitions(self.pipeline)


def build_definitions(pipeline: Pipeline) -> dg.Definitions:
    """Everything Dagster needs to know of one pipeline."""
    artifacts, posted = build_graph(pipeline)
    name, owners = pipeline.name, pipeline.config.owners
    proof = selftest_artifacts(pipeline, artifacts, posted).values()
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[
                *build_assets(name, artifacts.values(), owners=owners),
                *build_assets(name, proof, owners=owners, group=selftest_group(name)),
            ],
            asset_checks=build_checks(name, posted),
        ),
        build_automation(pipeline),
    )
