"""A fault is a function that plants it: what it changes, where, and who should notice, declared."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qa_assets.core.registry import Registry

if TYPE_CHECKING:
    from qa_assets.faults.site import Site

Stage = Literal["data", "preprocessing", "training", "export", "edge", "release"]
Dose = Literal["mild", "clear"]
Plant = Callable[["Site", float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a pipeline goes wrong without a stack trace.

    Attributes:
        name: Name of the function that plants it.
        plant: Changes a copy of a pipeline; its second argument is the dose.
        stage: Where on the road it sits.
        enters: The first asset that it changes.
        causes: Cause codes that name it, ``*`` stands for anything; also codes of refusals.
        doses: What ``mild`` (the least a user would call a defect) and ``clear`` mean in numbers.
        source: Where it is known from.
        about: What it changes, for people.
    """

    name: str
    plant: Plant
    stage: Stage
    enters: str
    causes: tuple[str, ...]
    doses: dict[Dose, float]
    source: str
    about: str


FAULTS: Registry[Fault] = Registry("qa_assets.faults.planted")


def fault(
    stage: Stage,
    *,
    enters: str,
    causes: tuple[str, ...],
    mild: float = 1.0,
    clear: float = 1.0,
    source: str,
) -> Callable[[Plant], Plant]:
    """Register the function that plants a fault; its docstring says what the dose means.

    A fault without degrees has one dose, the clear one.
    """

    def register(plant: Plant) -> Plant:
        name = getattr(plant, "__name__", "")
        FAULTS.add(
            name,
            Fault(
                name=name,
                plant=plant,
                stage=stage,
                enters=enters,
                causes=causes,
                doses={"clear": clear} if mild == clear else {"mild": mild, "clear": clear},
                source=source,
                about=inspect.getdoc(plant) or "",
            ),
            module=plant.__module__,
        )
        return plant

    return register
