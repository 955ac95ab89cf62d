"""How a command ends: every way has its exit code and its words, none is a traceback."""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer

from qa_assets.core.errors import EnvironmentFault, Problem, QaError, environment_fault


def ended(command: Callable[[], Any]) -> int:
    """Run a command in the project; the exit code of whatever way it ended, never a traceback."""
    try:
        _enter(os.environ.get("QA_ROOT", ""))
        code = command()
    except typer.Exit as stop:
        code = stop.exit_code
    except QaError as error:
        code = _report(error.problems, error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _report([Problem("INTERRUPTED", "qa", "was stopped; what was made is kept.")], 3)
    except OSError as error:
        code = _report(environment_fault(error, "a file").problems, 3)
    except Exception as error:
        code = _unexpected(error)
    return code or 0


def _enter(root: str) -> None:
    """Work in the project that is named, else where the command was called."""
    if root and not Path(root).is_dir():
        raise EnvironmentFault.of("ENV_ROOT", root, "is no folder.", "QA_ROOT names a project's.")
    if root:
        os.chdir(root)


def _unexpected(error: Exception) -> int:
    """A wrong call, a package that is not installed, or a bug of ours."""
    if isinstance(error, _click_error()):
        usage: Any = error
        if "--json" not in sys.argv:
            usage.show()
            return 2
        called = usage.ctx.command_path if getattr(usage, "ctx", None) else "qa"
        return _report([Problem("USAGE", called, usage.format_message(), f"{called} --help")], 2)
    name = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    if name and not name.startswith("qa_assets"):
        return _report([_missing(name.split(".")[0])], 3)
    from qa_assets.resources import project_root

    place = project_root() / ".qa" / "bug.txt"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    text = f"{type(error).__name__}: {error}"
    return _report([Problem("BUG", "qa", text, f"Please report it with {place}.")], 4)


def _click_error() -> Any:
    """The base of typer's usage errors; typer may bring its own copy of click."""
    return next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def _report(problems: Sequence[Problem], code: int) -> int:
    from qa_assets.console import Voice

    voice = Voice(as_json="--json" in sys.argv)
    voice.problems(problems)
    return code


def _missing(module: str) -> Problem:
    from qa_assets.doctor import extra_of

    text = "is not installed."
    return Problem("ENV_PACKAGE", module, text, f"pip install '{extra_of(module)}'")
