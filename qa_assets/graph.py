"""THE graph of one pipeline, stage by stage, in the order in which a run makes it.

    dataset_snapshot         an immutable copy of one dataset version, bad samples set aside
    sample_quality           what each sample is like, which look the same
    dataset_statistics       counts and measures by class, over the history of versions
    dataset_splits           train, validation and test by content and group
    drift_report             how far the data moved since other versions, and between splits
    preprocessing_contract   golden inputs and outputs, held against the release
    label_audit              labels that a model which never saw their samples would not give
    spot_check               what a person should look at, and what was decided before
    baselines                what simple models reach on the same splits
    training_probe           short runs whose outcome is known when the training is sound
    dry_run                  one epoch on a few samples through every later stage
    trained_weights          weights and the history of the run that made them
    predictions              the model's answers on the test split
    evaluation               how good they are, with confidence intervals
    release_baseline         what the release answers on the same samples
    gate_settings            what the gates ask for, and what those of the release before did
    release_comparison       the candidate against the release
    onnx_model               one file for devices: network, preprocessing, labels, provenance
    edge_cases               hand-made samples, asked of that file alone
    behavior_report          changed pictures: what must not change the answer, what must
    edge_benchmark/TARGET    what a device answers from raw bytes, and what it costs there
    edge_comparison/TARGET   the device against the reference, stage by stage
    latency_duel/TARGET      time of a call beside the released model's
    release                  everything that is shipped; made only if every gate passes
    qa_report                what may be released and why

Each asset is one function in ``qa_assets.stages``, one call into a room. What it reads is what its
parameters name. The calls are imported late, because their libraries are heavy (torch 1.2
CPU-seconds, scikit-learn 1.1, great_expectations 3.5, onnx 0.2) and Dagster imports these modules
in every process that loads the definitions.
"""

from qa_assets.artifacts import Artifact, Collector
from qa_assets.config import Pipeline
from qa_assets.gates import Posted, posted_checks
from qa_assets.stages import data, devices, model, outcome, released


def build_graph(pipeline: Pipeline) -> tuple[dict[str, Artifact], list[Posted]]:
    """Every artifact of ``pipeline`` in graph order, and every check posted on one."""
    graph = Collector()
    data.versions(graph, pipeline)
    data.compared(graph, pipeline)
    data.examined(graph, pipeline)
    model.prepared(graph, pipeline)
    model.trained(graph, pipeline)
    released.against_release(graph, pipeline)
    devices.exported(graph, pipeline)
    measured = dict(graph.artifacts)
    posted = posted_checks(pipeline, measured)
    outcome.outcome(graph, pipeline, measured, posted)
    return graph.artifacts, posted
