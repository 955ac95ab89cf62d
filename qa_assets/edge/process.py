"""A command in its own bounded process group: it ends, or it is ended with all it started."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MOST_READ = 1 << 20
_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Exit status; negative: the signal. None: it was ended at its time limit, or
            could not be started.
        output: What it printed, at most the first MiB.
        errors: The end of what it printed to standard error, or why it was not started.
        started: Whether it could be started.
    """

    status: int | None
    output: str
    errors: str
    started: bool = True

    @property
    def how(self) -> str:
        """The status in words."""
        if self.status is None or self.status >= 0:
            return f"exit status {self.status}"
        try:
            return signal.Signals(-self.status).name
        except ValueError:
            return f"signal {-self.status}"


def run_bounded(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, timeout_s: float
) -> Ended:
    """Run ``command`` in ``folder`` with nothing but ``environment``, for at most ``timeout_s``.

    Output goes to files, so that a command that prints without end blocks nobody.
    """
    log, errors = folder / "stdout.log", folder / "stderr.log"
    with log.open("wb") as out, errors.open("wb") as err:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            return Ended(None, "", f"{command[0]} cannot be started: {error.strerror}", False)
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
    return Ended(status, _read(log, 0), _read(errors, max(0, errors.stat().st_size - _TAIL)))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group: also what the command started and left behind."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(path: Path, start: int) -> str:
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(_MOST_READ).decode(errors="replace")
