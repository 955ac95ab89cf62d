"""The release: everything that is shipped, made only when every gate passed on these very bytes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa_assets.core.digests import canonical_json, digest_bytes, digest_json
from qa_assets.core.errors import GateFailed, Problem
from qa_assets.core.record import RECORD, Record
from qa_assets.core.records.behavior import BehaviorReport, EdgeCases
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import Predictions
from qa_assets.core.records.export import GOLDEN, OnnxModel, golden_logits
from qa_assets.core.records.release import Release
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.tables import array_bytes
from qa_assets.core.verdict import Verdict
from qa_assets.release.card import release_card


def bundle(
    pipeline: str, records: Mapping[str, Record], verdicts: Mapping[str, Verdict]
) -> Release:
    """Put a release together.

    Args:
        pipeline: Its name.
        records: The evidence by asset name (``onnx_model``, ``edge_benchmark/ort_cpu``, ...).
        verdicts: Every gate by ``asset: check``, just recomputed from those records.

    Raises:
        GateFailed: One problem a gate that did not pass: ``GATE_FAILED`` or ``GATE_CANNOT_TELL``;
            ``GATE_NONE`` without any gate; ``GATE_EVIDENCE_MISSING`` or ``GATE_EVIDENCE_MIXED``
            where an artifact is absent or was measured on other bytes than would be shipped.
    """
    problems = [*_not_passed(verdicts), *_not_of_one_piece(records)]
    if problems:
        raise GateFailed(*problems)
    weights, model = records["trained_weights"], records["onnx_model"]
    assert isinstance(weights, TrainedWeights)
    assert isinstance(model, OnnxModel)
    evidence = {name: record.digest for name, record in sorted(records.items())}
    version = digest_json(evidence)
    files: dict[str, bytes | Path] = {
        **_shipped(model),
        "weights.safetensors": weights.files["weights.safetensors"],
        "model.py": weights.files["model.py"],
        "settings.json": canonical_json(_settings(weights, model)),
        "verdicts.json": canonical_json({g: _fields(v) for g, v in sorted(verdicts.items())}),
        "RELEASE.md": release_card(pipeline, version, records, verdicts).encode(),
    }
    files |= {f"evidence/{name}.json": r.content()[RECORD] for name, r in records.items()}
    return Release(
        pipeline=pipeline,
        version=version,
        evidence=evidence,
        gates=tuple(sorted(verdicts)),
        files=files,
    )


def _not_passed(verdicts: Mapping[str, Verdict]) -> Iterator[Problem]:
    if not verdicts:
        yield Problem(
            "GATE_NONE",
            "release",
            "no gate was judged, so nothing allows a release.",
            "Name at least one check under 'gates:'.",
        )
    for gate, verdict in sorted(verdicts.items()):
        if not verdict.passed:
            failed = verdict.outcome == "fail"
            code = "GATE_FAILED" if failed else "GATE_CANNOT_TELL"
            yield Problem(code, gate, _explain(verdict), "" if failed else "Supply the evidence.")


def _explain(verdict: Verdict) -> str:
    parts = [verdict.summary]
    if verdict.measured is not None and verdict.limit is not None:
        parts.append(f"measured {verdict.measured:.6g}, limit {verdict.limit:.6g}")
    if verdict.interval is not None:
        parts.append(f"interval [{verdict.interval[0]:.4g}, {verdict.interval[1]:.4g}]")
    if verdict.cause:
        parts.append(f"cause {verdict.cause}")
    return "; ".join(parts) + "."


def _not_of_one_piece(records: Mapping[str, Record]) -> Iterator[Problem]:
    """What the gates saw must be what is shipped: the same weights, the same model file."""
    weights, model = records.get("trained_weights"), records.get("onnx_model")
    for name, record in (("trained_weights", weights), ("onnx_model", model)):
        if record is None:
            yield Problem("GATE_EVIDENCE_MISSING", name, "was never made.", "Run the pipeline.")
    if not isinstance(weights, TrainedWeights) or not isinstance(model, OnnxModel):
        return
    expected = {"weights": weights.weights_digest, "model": digest_bytes(model.read("model.onnx"))}
    expected |= {f"{v} model": digest_bytes(model.variant_body(v)) for v in model.variants}
    for name, record in sorted(records.items()):
        for what, digest in _made_from(record).items():
            if digest != expected.get(what):
                yield Problem(
                    "GATE_EVIDENCE_MIXED",
                    name,
                    f"belongs to the {what} {digest[:12]}, not to {expected.get(what, '')[:12]}.",
                    "Run the pipeline again, so that all evidence is of one piece.",
                )


def _made_from(record: Record) -> dict[str, str]:
    if isinstance(record, OnnxModel):
        return {"weights": record.weights_digest, "model": record.sha256}
    if isinstance(record, Predictions):
        return {"weights": record.weights_digest}
    if isinstance(record, EdgeBenchmark):
        name = "model" if record.variant == "float" else f"{record.variant} model"
        return {name: record.model_sha256}
    return {"model": record.model_sha256} if isinstance(record, EdgeCases | BehaviorReport) else {}


def _shipped(model: OnnxModel) -> dict[str, bytes | Path]:
    """Every model file, and what each of them answered to the golden samples."""
    files: dict[str, bytes | Path] = {GOLDEN: model.files[GOLDEN]} if GOLDEN in model.files else {}
    for variant in ("float", *model.variants):
        suffix = "" if variant == "float" else f".{variant}"
        name = f"model{suffix}.onnx"
        files[name] = model.files[name]
        if files.get(GOLDEN):
            files[f"golden_logits{suffix}.npy"] = array_bytes(golden_logits(model, variant))
    return files


def _settings(weights: TrainedWeights, model: OnnxModel) -> dict[str, Any]:
    fields = _fields(weights)
    return {
        "training": fields["settings"],
        "environment": fields["environment"],
        "model": dict(model.properties),
    }


def _fields(record: Record) -> dict[str, Any]:
    body = record.content()[RECORD]
    assert isinstance(body, bytes)
    return json.loads(body)
