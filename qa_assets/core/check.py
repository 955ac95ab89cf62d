"""A check is a pure function: the assets it reads by position, its thresholds by keyword."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec

from pydantic import BaseModel, Field, create_model

from qa_assets.core.config import Strict
from qa_assets.core.registry import Registry
from qa_assets.core.verdict import Verdict, cannot_tell

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check; the first of ``assets`` is the one it judges.

    Attributes:
        name: The function's name.
        judge: The function.
        assets: Names of its positional parameters. ``edge_benchmark`` stands for each target's.
        thresholds: Settings model made of its keyword-only parameters.
        description: Its docstring, without the parts that repeat the signature.
        module: Where it is defined; its source is part of the verdict's identity.
    """

    name: str
    judge: Callable[..., Verdict]
    assets: tuple[str, ...]
    thresholds: type[BaseModel]
    description: str
    module: str

    def __call__(self, assets: Mapping[str, object], thresholds: Mapping[str, Any]) -> Verdict:
        """Judge; evidence that is not there is a verdict too, never a pass."""
        missing = [name for name in self.assets if assets.get(name) is None]
        if missing:
            said, where = ", ".join(missing), {"asset": ", ".join(missing)}
            lost = f"evidence missing: {said} was never made"
            return cannot_tell(lost, cause="evidence.missing", where=where)
        return self.judge(*(assets[name] for name in self.assets), **thresholds)


CHECKS: Registry[Check] = Registry("qa_assets.checks")


def check(judge: Callable[P, Verdict]) -> Callable[P, Verdict]:
    """Register ``judge`` under its own name; settings and help follow from its signature."""
    parameters = inspect.signature(judge).parameters.values()
    description = re.split(r"\n\n(?:Args|Returns|Raises):", inspect.getdoc(judge) or "")[0]
    thresholds: dict[str, Any] = {
        p.name: (p.annotation, Field(... if p.default is p.empty else p.default))
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    }
    CHECKS.add(
        judge.__name__,
        Check(
            name=judge.__name__,
            judge=judge,
            assets=tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY),
            thresholds=create_model(
                judge.__name__, __base__=Strict, __doc__=description, **thresholds
            ),
            description=description,
            module=judge.__module__,
        ),
        module=judge.__module__,
    )
    return judge
