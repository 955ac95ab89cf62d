"""What the self-test of the gates holds: one entry a planted fault, one a clean run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from qa_assets.core.intervals import share
from qa_assets.core.record import Estimate, Metadata, Record, table

Ending = Literal["gate", "refusal", "release", "crash", "escaped", "no effect", "not planted"]
"""What became of a faulted run.

Stopped are three of them: ``gate``, a blocking gate failed or could not tell; ``refusal``, an asset
refused its input with a coded error; ``release``, every gate was passed by the run and the release,
which judges anew, refused. Not stopped are ``escaped``, something was released, and ``crash``, an
asset ended with an exception that no one had foreseen: nothing was released, by luck. Where a fault
had ``no effect`` (copies that are merged, damage that was noticed and made anew) the released files
are byte for byte those of the clean run, or could be ``not planted`` in this pipeline (its data
are no folder of pictures, its network has no such layer), it is listed, and counted in no rate.
"""
STOPS: tuple[Ending, ...] = ("gate", "refusal", "release")
MATRIX = "matrix.svg"
MATRIX_TEXT = "matrix.md"
MATRIX_DATA = "matrix.json"


@dataclass(frozen=True, slots=True)
class Alarm:
    """One gate that did not pass."""

    gate: str
    outcome: str
    cause: str
    summary: str
    where: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a gate measured, and by which limit it judged."""

    value: float
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRun:
    """How one planted fault fared.

    Attributes:
        fault: Its name.
        stage: Where on the road it sits.
        dose: ``mild`` or ``clear``.
        amount: What that means in numbers.
        ending: What stopped it.
        first: Title of the first gate that did not pass, or the asset that refused.
        diagnosis: Title of the gate that was taken to name the fault, see ``core.diagnosis``.
        cause: The cause it gives; of a fault that could not be planted, why.
        alarms: Every gate that did not pass, in the order of the run.
        named: The diagnosis is right: its cause is one that the fault declares and, where the
            fault has culprits (class, layer, samples), it points at one of them.
        accuracy: Of the faulted model on the test split, where the run came so far.
        plain_gate: Whether accuracy alone would have stopped it.
        measured: Every number that a gate judged, by gate.
        seconds: What planting and finding it cost.
    """

    fault: str
    stage: str
    dose: str
    amount: float
    ending: Ending
    first: str = ""
    diagnosis: str = ""
    cause: str = ""
    alarms: tuple[Alarm, ...] = ()
    named: bool = False
    accuracy: float | None = None
    plain_gate: bool = False
    measured: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    seconds: float

    @property
    def stopped(self) -> bool:
        """Whether something that is meant to stopped it."""
        return self.ending in STOPS

    @property
    def counts(self) -> bool:
        """Whether it had an effect that could be noticed."""
        return self.ending not in ("no effect", "not planted")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRun:
    """One run without a fault, at another seed: every alarm in it is a false one."""

    seed: int
    verdicts: int
    alarms: tuple[Alarm, ...]
    accuracy: float | None
    measured: Mapping[str, Measured] = field(default_factory=dict[str, Measured])
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSelftest(Record):
    """The detection matrix of the gates, and how often they cry wolf.

    Files: ``matrix.svg``, ``matrix.md``, ``matrix.json``.

    Attributes:
        runs: One entry a fault and dose; those that nothing stopped come first.
        clean: One entry a clean run.
        dead: Gates that no fault made fire.
    """

    runs: tuple[FaultRun, ...]
    clean: tuple[CleanRun, ...]
    dead: tuple[str, ...]

    def detection(self, dose: str) -> Estimate:
        """Share of the faults with an effect at one dose that were stopped."""
        of_dose = self.at(dose)
        return share(sum(r.stopped for r in of_dose), len(of_dose))

    def plain(self, dose: str) -> Estimate:
        """Share that accuracy alone would have stopped."""
        of_dose = self.at(dose)
        return share(sum(r.plain_gate for r in of_dose), len(of_dose))

    def at(self, dose: str) -> list[FaultRun]:
        """The faults at one dose that had an effect."""
        return [r for r in self.runs if r.dose == dose and r.counts]

    def endings(self, dose: str) -> Mapping[Ending, int]:
        """How often each ending was met at one dose."""
        met = [r.ending for r in self.runs if r.dose == dose]
        return {ending: met.count(ending) for ending in get_args(Ending)}

    @property
    def named(self) -> Estimate:
        """Share of the stopped faults that were named right."""
        stopped = [r for r in self.runs if r.stopped]
        return share(sum(r.named for r in stopped), len(stopped))

    @property
    def false_alarms(self) -> Estimate:
        """Share of the verdicts of clean runs that were alarms."""
        return share(sum(len(c.alarms) for c in self.clean), sum(c.verdicts for c in self.clean))

    def metadata(self) -> Metadata:
        """Rates, the picture, what escaped, what never fired."""
        shown = {
            "stopped, clear dose": self.detection("clear").value,
            "stopped, mild dose": self.detection("mild").value,
            "accuracy alone, clear dose": self.plain("clear").value,
            "named right": self.named.value,
            "false alarms": self.false_alarms.value,
            "clean runs blocked": sum(bool(c.alarms) for c in self.clean),
        }
        escaped = [
            (r.fault, r.dose, r.stage, r.ending) for r in self.runs if r.counts and not r.stopped
        ]
        shown = {k: v for k, v in shown.items() if v == v}
        tables = {
            "not stopped": table(("fault", "dose", "stage", "ending"), list(escaped)),
            "gates that never fired": table(("gate",), [(g,) for g in self.dead]),
        }
        if MATRIX in self.files:
            tables["matrix"] = self.picture(MATRIX, "faults by gates")
        return {**shown, **tables}
