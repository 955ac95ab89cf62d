"""Everything that can be refused, and the exit code of each.

```
QaError
├── InputRefused       2  the user's data or settings are not acceptable
├── EnvironmentFault   3  disk, permissions, network, a missing extra
└── GateFailed         1  the evidence does not allow what was asked
```
Any other exception that reaches the command line is a bug of ours: exit 4.
"""

import errno
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, as it is shown to people and printed with ``--json``.

    Attributes:
        code: Stable name of the kind of problem, such as ``IMG_TRUNCATED``.
        item: The file, row, key or asset concerned.
        message: What was wrong.
        remedy: What would be right.
        severity: Whether it stops the work or is only reported.
    """

    code: str
    item: str
    message: str
    remedy: str = ""
    severity: Severity = "error"

    def as_json(self) -> dict[str, str]:
        """The fields by name."""
        return asdict(self)

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.code} {self.item}: {self.message}{remedy}"


class QaError(Exception):
    """Base of every expected failure; carries the problems that explain it."""

    exit_code: ClassVar[int] = 4

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems: Sequence[Problem] = problems


class InputRefused(QaError):
    """The input is refused before anything is written; the last good output stays."""

    exit_code = 2

    @classmethod
    def of(cls, code: str, item: str, message: str, remedy: str = "") -> "InputRefused":
        """Refuse for one reason."""
        return cls(Problem(code, item, message, remedy))


class EnvironmentFault(QaError):
    """The machine does not allow it: disk, permissions, network, a missing package."""

    exit_code = 3

    @classmethod
    def of(cls, code: str, item: str, message: str, remedy: str = "") -> "EnvironmentFault":
        """Stop for one reason."""
        return cls(Problem(code, item, message, remedy))


class GateFailed(QaError):
    """A gate did not pass, so what lies behind it must not be made."""

    exit_code = 1


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def environment_fault(error: OSError, place: str) -> EnvironmentFault:
    """What the operating system refused, in words: no space, or no permission."""
    full = error.errno in NO_SPACE
    return EnvironmentFault.of(
        "ENV_DISK_FULL" if full else "ENV_PERMISSION",
        str(error.filename or place),
        f"cannot be used: {error.strerror or error}.",
        "Free some space." if full else "Check who owns it.",
    )


@contextmanager
def os_errors_named(place: str) -> Generator[None]:
    """Turn what the operating system refuses inside into an :class:`EnvironmentFault`."""
    try:
        yield
    except OSError as error:
        raise environment_fault(error, place) from error
