"""The files that go to a device and come back: their schema, read strictly within limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qa_assets.core.errors import InputRefused, Problem
from qa_assets.core.strict_json import read_strict

SCHEMA = 1
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultLimits:
    """What a result may be like.

    Attributes:
        max_mib: Largest file.
        min_calls: Fewest timed calls.
        max_outlier: Longest call, in times of the median one.
        min_busy: Least share of the time from start to finish that the calls add up to.
        max_growth_mib: Largest growth of the memory.
        max_ahead_s: How far the device's clock may be ahead of ours.
        devices: Registered devices; any by default.
        runtime: Version of the runtime that the export was checked with; any by default.
    """

    max_mib: float = 2.0
    min_calls: int = 5
    max_outlier: float = 20.0
    min_busy: float = 1e-4
    max_growth_mib: float = 8.0
    max_ahead_s: float = 300.0
    devices: tuple[str, ...] = ()
    runtime: str = ""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Device(_Sent):
    """The device as it names itself."""

    id: str
    runtime: str
    runtime_version: str
    provider: str


class Answer(_Sent):
    """The probabilities that it gives for a sample."""

    id: str
    probs: Sequence[float | None]


class Result(_Sent):
    """What it answered, and what it measured."""

    schema_: Annotated[int, Field(alias="schema")]
    run_id: str
    nonce: str
    device: Device
    model_sha256: str
    started: str
    finished: str
    latency_ms: Sequence[float]
    rss_mb: Sequence[float]
    samples: Sequence[Answer]


class Request(_Sent):
    """What the device was asked."""

    run_id: str
    nonce: str
    model_sha256: str
    samples: Sequence[str]
    sent: str


def read_request(path: Path) -> Request:
    """The request that a result answers.

    Raises:
        InputRefused: ``DEV_REQUEST``: there is none, or it is none.
    """
    try:
        return Request.model_validate(read_strict(path.read_text(encoding="utf-8"), path.name))
    except (OSError, UnicodeDecodeError, ValidationError, InputRefused) as error:
        right = "A result is judged with request.json beside it, or with --reference FILE."
        raise InputRefused.of("DEV_REQUEST", path.name, "is not readable.", right) from error


def read_result(path: Path, limits: ResultLimits) -> Result:
    """A result as it was sent, whatever its numbers say.

    Raises:
        InputRefused: ``DEV_MISSING``, ``DEV_SIZE``, ``DEV_SCHEMA``, ``JSON_SYNTAX``: it is none.
    """
    if not path.is_file() or path.is_symlink():
        raise InputRefused.of("DEV_MISSING", path.name, "is no file.", "Send the result again.")
    if path.stat().st_size > limits.max_mib * _MIB:
        what = f"is larger than {limits.max_mib:g} MiB."
        raise InputRefused.of("DEV_SIZE", path.name, what, "Send the answers alone.")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputRefused.of("JSON_SYNTAX", path.name, "is not UTF-8.") from error
    found = read_strict(text, path.name)
    if isinstance(found, dict) and found.get("schema", SCHEMA) != SCHEMA:
        what = f"has the schema {found['schema']!r}, this version reads {SCHEMA}."
        raise InputRefused.of("DEV_SCHEMA", path.name, what)
    try:
        return Result.model_validate(found)
    except ValidationError as error:
        raise InputRefused(*map(_schema, error.errors(include_url=False)[:20])) from error


def _schema(error: Any) -> Problem:
    where = ".".join(str(part) for part in error["loc"]) or "the result"
    return Problem("DEV_SCHEMA", where, f"{error['msg']}.", "See the schema of device results.")
