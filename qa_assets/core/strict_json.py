"""JSON that came from elsewhere: one reading only, no key twice, no number that is none."""

import json
from typing import Any

from qa_assets.core.errors import InputRefused

DEEPEST = 20


def read_strict(text: str, source: str) -> Any:
    """The value in ``text``.

    Args:
        text: The whole file.
        source: How the file is named in messages.

    Raises:
        InputRefused: ``JSON_SYNTAX``, ``JSON_DEPTH``, ``JSON_DUPLICATE``.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InputRefused.of("JSON_DUPLICATE", source, f"has the key {key!r} twice.")
            found[key] = value
        return found

    def constant(word: str) -> Any:
        raise InputRefused.of("JSON_SYNTAX", source, f"has {word}, which is not JSON.")

    if _depth(text) > DEEPEST:
        raise InputRefused.of("JSON_DEPTH", source, f"is nested deeper than {DEEPEST} levels.")
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=constant)
    except RecursionError as error:
        raise InputRefused.of("JSON_DEPTH", source, "is nested too deep.") from error
    except ValueError as error:  # among them an integer of too many digits
        raise InputRefused.of("JSON_SYNTAX", source, f"is no JSON: {str(error)[:200]}.") from error


def _depth(text: str) -> int:
    """Deepest nesting, as far as brackets tell; those inside strings count too."""
    deepest = level = 0
    for c in text:
        level += (c in "[{") - (c in "]}")
        deepest = max(deepest, level)
    return deepest
