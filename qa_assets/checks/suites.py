"""Great Expectations suites: a reviewable JSON file, read strictly, run on one table.

Great Expectations itself drops what it does not know from a suite with a log line; here such a
suite is refused, because an expectation that never runs would be one that always holds.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from qa_assets.core.config import Frozen
from qa_assets.core.errors import InputRefused, Problem

if TYPE_CHECKING:
    import pandas as pd

MOST_FAILING = 20
"""Rows that are named for one expectation."""
_FORMAT = "Write {name, expectations: [{type, kwargs, severity, meta}]} in JSON."


class Expectation(Frozen):
    """One expectation as it stands in the file."""

    type: str
    """Name of the expectation, such as ``expect_column_values_to_be_unique``."""
    kwargs: dict[str, Any]
    """Its arguments."""
    severity: Literal["critical", "warning", "info"] = "critical"
    """Only what is critical decides; the others are shown."""
    meta: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """``reason``: why it is expected, for whoever reviews or meets it."""
    id: str | None = None
    """Written by Great Expectations, not used."""
    notes: Any = None
    """Written by Great Expectations, not used."""
    rendered_content: Any = None
    """Written by Great Expectations, not used."""

    @property
    def column(self) -> str:
        """The column it is about, "" where it is about the table."""
        return str(self.kwargs.get("column", ""))


class Suite(Frozen):
    """A named list of expectations."""

    name: str
    """What people call it."""
    expectations: Annotated[tuple[Expectation, ...], Field(min_length=1)]
    """At least one: an empty suite would always hold."""
    meta: Mapping[str, Any] = Field(default_factory=dict[str, Any])
    """Anything."""
    id: str | None = None
    """Written by Great Expectations, not used."""
    notes: Any = None
    """Written by Great Expectations, not used."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one expectation went.

    Attributes:
        expectation: What was expected.
        holds: None where it could not be computed.
        observed: What was seen, or why it could not be computed.
        failing: Key and value of the first rows that fail it.
    """

    expectation: Expectation
    holds: bool | None
    observed: str
    failing: tuple[tuple[str, str], ...]


def read_suite(file: Path) -> Suite:
    """Read a suite file; nothing in it is skipped.

    Raises:
        InputRefused: ``SUITE_MISSING``, or ``SUITE_SYNTAX``: no JSON, or not a suite.
    """
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        return Suite.model_validate(body)
    except FileNotFoundError as error:
        raise InputRefused.of(
            "SUITE_MISSING", file.name, "does not exist.", "Put it beside defs.yaml."
        ) from error
    except ValidationError as error:
        raise InputRefused(*(_problem(file, e) for e in error.errors())) from error
    except ValueError as error:  # no JSON, or no text
        raise InputRefused.of(
            "SUITE_SYNTAX", file.name, f"is no JSON: {error}.", _FORMAT
        ) from error


def run_suite(suite: Suite, table: "pd.DataFrame", *, key: str, file: str) -> list[Outcome]:
    """Judge every row of a table by every expectation, in the order of the suite.

    Args:
        suite: The expectations.
        table: What they are about.
        key: Column that names a row.
        file: Name of the suite's file, for messages.

    Raises:
        InputRefused: ``SUITE_UNKNOWN``: no such expectation; ``SUITE_SYNTAX``: not its arguments.
    """
    logging.getLogger("great_expectations").propagate = False  # it notes every folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports a deprecated module
        import great_expectations as gx  # 2.5 s
        from great_expectations.data_context.types.base import ProgressBarsConfig

        native = [_native(e, place, file) for place, e in enumerate(suite.expectations)]
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("table")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": table})
        wanted = {
            "result_format": "SUMMARY",
            "unexpected_index_column_names": [key],
            "partial_unexpected_count": MOST_FAILING,
        }
        found = batch.validate(
            gx.ExpectationSuite(name=suite.name, expectations=native), result_format=wanted
        )
    # Results come in another order than the suite; the place in it travels in their meta.
    raw: dict[int, Any] = {_place(r): r for r in found.results}
    return [_outcome(e, raw[place], key) for place, e in enumerate(suite.expectations)]


def _problem(file: Path, found: ErrorDetails) -> Problem:
    where = ".".join(str(part) for part in found["loc"]) or "the whole file"
    return Problem("SUITE_SYNTAX", f"{file.name}: {where}", f"{found['msg']}.", _FORMAT)


def _native(expectation: Expectation, place: int, file: str) -> Any:
    """The library's own object for it, made one by one so that nothing is dropped."""
    from great_expectations.exceptions.exceptions import (
        ExpectationNotFoundError,
        InvalidExpectationConfigurationError,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    where = f"{file}: expectations.{place} ({expectation.type})"
    try:
        return ExpectationConfiguration(
            type=expectation.type,
            kwargs=dict(expectation.kwargs),
            meta={"place": place},
        ).to_domain_obj()
    except ExpectationNotFoundError as error:
        remedy = "Take a name from Great Expectations' gallery."
        raise InputRefused.of("SUITE_UNKNOWN", where, "is no expectation.", remedy) from error
    except (InvalidExpectationConfigurationError, TypeError, ValueError) as error:
        what = " ".join(str(error).split())
        raise InputRefused.of("SUITE_SYNTAX", where, f"has wrong arguments: {what}.") from error


def _place(raw: Any) -> int:
    return raw.expectation_config.meta["place"]


def _outcome(expectation: Expectation, raw: Any, key: str) -> Outcome:
    crash = next(_crashes(raw.exception_info), None)
    result: dict[str, Any] = raw.to_json_dict()["result"]
    if crash is not None:
        return Outcome(expectation, None, f"could not be computed: {crash}", ())
    if _only_missing(result):
        return Outcome(expectation, None, "could not be computed: no value is there", ())
    failing = tuple(
        (str(row.get(key)), str(row.get(expectation.column, "")))
        for row in result.get("partial_unexpected_index_list") or ()
    )
    return Outcome(expectation, bool(raw.success), _observed(result), failing)


def _crashes(info: dict[str, Any]) -> Iterator[str]:
    """Messages of what was raised; one crash or one a metric, depending on where it happened."""
    entries: Sequence[Any] = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry["raised_exception"]:
            yield " ".join(str(entry["exception_message"]).split())


def _only_missing(result: dict[str, Any]) -> bool:
    rows = result.get("element_count")
    return rows is not None and rows == result.get("missing_count")


def _observed(result: dict[str, Any]) -> str:
    if result.get("observed_value") is not None:
        return json.dumps(result["observed_value"], default=str, ensure_ascii=False)
    if "element_count" in result:
        return f"{result.get('unexpected_count', 0)} of {result['element_count']} rows differ"
    return json.dumps(result, default=str, ensure_ascii=False)
