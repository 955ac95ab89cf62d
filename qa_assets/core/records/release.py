"""What is shipped, and the report on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qa_assets.core.record import Metadata, Record, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Release(Record):
    """Everything that is shipped, and the evidence that allowed it.

    Files: ``model.onnx`` (and ``model.<variant>.onnx``), ``golden.parquet`` (id, payload) and
    ``golden_logits.npy`` (and ``golden_logits.<variant>.npy``), ``weights.safetensors``,
    ``model.py``, ``settings.json``,
    ``verdicts.json``, ``evidence/<asset>.json`` (each record's fields), ``RELEASE.md``.

    Attributes:
        pipeline: Its name.
        version: Digest of the evidence: equal evidence is the same release.
        evidence: Digest of each record the verdicts were recomputed from.
        gates: Every gate with what it measured, all passed.
    """

    pipeline: str
    version: str
    evidence: Mapping[str, str]
    gates: tuple[str, ...]

    def metadata(self) -> Metadata:
        """Version, gates, evidence."""
        rows: list[tuple[object, ...]] = [(a, d[:12]) for a, d in self.evidence.items()]
        gates: list[tuple[object, ...]] = [(g,) for g in self.gates]
        return {
            "version": self.version[:12],
            "gates passed": len(self.gates),
            "gates": table(("gate",), gates),
            "evidence": table(("asset", "record"), rows),
        }


Thresholds = Mapping[str, Mapping[str, str]]
"""Value, as JSON, of each threshold by its name, by gate; a file is its name and digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings(Record):
    """What the gates ask for, and what those of the release before asked for.

    Attributes:
        gates: Today's.
        release: Digest of the newest release that was made under other ones; "" without any.
        released: Its gates.
    """

    gates: Thresholds
    release: str = ""
    released: Thresholds = field(default_factory=dict[str, Mapping[str, str]])

    def metadata(self) -> Metadata:
        """Each gate with its thresholds."""
        rows: list[tuple[object, ...]] = [
            (gate, name, value, self.released.get(gate, {}).get(name, ""))
            for gate, thresholds in self.gates.items()
            for name, value in thresholds.items()
        ]
        columns = ("gate", "threshold", "now", "at the release before")
        return {"release before": self.release[:12] or "none", "gates": table(columns, rows)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QaReport(Record):
    """One page for people and one file for machines.

    Files: ``report.html`` (opens offline), ``report.json``.
    """

    pipeline: str
    passed: int
    failed: int
    undecided: int
    released: str = ""
