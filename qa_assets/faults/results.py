"""What a self-test has found out so far, kept beside it: one that is cut off goes on from there."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from qa_assets.core.publish import replace_file
from qa_assets.core.records.faults import CleanRun, FaultRun
from qa_assets.faults.fault import Dose

Task = tuple[str, Dose] | int
"""A fault with its dose, or the seed of a clean run."""
Result = FaultRun | CleanRun


@dataclass(frozen=True, slots=True)
class Results:
    """One file a task.

    Attributes:
        folder: Where they are; it belongs to one state of data, settings and code. None keeps none.
    """

    folder: Path | None = None

    def of(self, task: Task) -> Result | None:
        """What came of a task; None where it was not finished, or cannot be read."""
        if self.folder is None:
            return None
        try:
            return _kind(task).validate_json(self._file(self.folder, task).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, task: Task, result: Result) -> None:
        """Write down what came of a task."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._file(self.folder, task), _kind(task).dump_json(result))

    def forget(self) -> None:
        """Remove all: the self-test is finished."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _file(folder: Path, task: Task) -> Path:
        return folder / (
            f"clean-{task}.json" if isinstance(task, int) else f"{'-'.join(task)}.json"
        )


def _kind(task: Task) -> TypeAdapter[Any]:
    return TypeAdapter(CleanRun if isinstance(task, int) else FaultRun)
