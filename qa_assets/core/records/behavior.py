"""How a model behaves where no test split looks: hand-made cases, changed pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qa_assets.core.record import Estimate, Metadata, Record, table

Expected = Literal["class", "unsure", "refused"]


@dataclass(frozen=True, slots=True)
class EdgeCase:
    """A hand-made sample and what became of it.

    Attributes:
        name: Its file.
        expected: A class, doubt, or refusal.
        label: The class, where one is expected.
        critical: Whether a release depends on it.
        note: What is special about it.
        answer: The class that was answered; "" where it was refused.
        confidence: Of that answer, in [0, 1].
        refused: Why no answer was given; "" where one was.
    """

    name: str
    expected: Expected
    label: str
    critical: bool
    note: str
    answer: str = ""
    confidence: float = 0.0
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeCases(Record):
    """Minimum functionality (MFT): the hand-made set, asked of the exported file alone.

    Attributes:
        model_sha256: Digest of the model that answered.
        labels: Its classes.
        cases: One entry a file of the manifest.
        turned: Share of the cases of a class that would be right if the picture were
            ``transposed``, ``flipped``, ... first.
    """

    model_sha256: str
    labels: tuple[str, ...]
    cases: tuple[EdgeCase, ...] = ()
    turned: Mapping[str, float] = field(default_factory=dict[str, float])

    def metadata(self) -> Metadata:
        """Counts, and every case with its answer."""
        rows: list[tuple[object, ...]] = [
            (c.name, c.label or c.expected, c.answer or "refused", c.confidence, c.critical, c.note)
            for c in self.cases
        ]
        columns = ("case", "expected", "answer", "confidence", "critical", "what it is")
        critical = sum(c.critical for c in self.cases)
        return {
            "cases": len(self.cases),
            "critical cases": critical,
            "hand-made cases": table(columns, rows),
        }


@dataclass(frozen=True, slots=True)
class Expectation:
    """One expectation on changed pictures.

    Attributes:
        kind: ``INV``: the answer stays; ``DIR``: the confidence in it does not rise.
        name: What was changed.
        severity: How much, in 1 to 5.
        held: Share of the samples it held for.
        broken: Ids of samples it did not hold for, at most 20.
    """

    kind: Literal["INV", "DIR"]
    name: str
    severity: int
    held: Estimate
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorReport(Record):
    """Invariance (INV), directional expectation (DIR) and robustness to corruption.

    Attributes:
        model_sha256: Digest of the model that answered.
        samples: How many test samples were tried.
        clean: Accuracy on them as they are.
        expectations: INV and DIR.
        robustness: Accuracy by corruption at severity 1 to 5.
        released: The same of the release; empty where there is none.
        unreadable: Why a release that exists could not be tried.
    """

    model_sha256: str
    samples: int
    clean: Estimate
    expectations: tuple[Expectation, ...]
    robustness: Mapping[str, tuple[float, ...]]
    released: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    unreadable: str = ""

    def metadata(self) -> Metadata:
        """Expectations and the robustness table."""
        held: list[tuple[object, ...]] = [
            (e.kind, e.name, e.severity, str(e.held)) for e in self.expectations
        ]
        rows: list[tuple[object, ...]] = [(k, *v) for k, v in self.robustness.items()]
        means = {f"robustness {k}": sum(v) / len(v) for k, v in self.robustness.items() if v}
        return {
            "samples": self.samples,
            "accuracy as they are": self.clean.value,
            "mean accuracy under corruption": sum(means.values()) / max(len(means), 1),
            "expectations": table(("kind", "change", "severity", "held"), held),
            "robustness": table(("corruption", "1", "2", "3", "4", "5"), rows),
        }
