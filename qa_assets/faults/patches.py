"""Lets a function of a room be another one for a while, wherever the package has imported it."""

import importlib
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def replaced(
    function: Callable[..., Any], other: Callable[..., Any], *, rooms: tuple[str, ...] = ("",)
) -> Generator[None]:
    """Let ``other`` stand for ``function`` in every loaded module of the given rooms."""
    name = getattr(function, "__name__", "")
    prefixes = tuple(f"qa_assets.{room}" if room else "qa_assets." for room in rooms)
    places = [
        module
        for place, module in list(sys.modules.items())
        if place.startswith(prefixes) and getattr(module, name, None) is function
    ]
    for module in places:
        setattr(module, name, other)
    try:
        yield
    finally:
        for module in places:
            setattr(module, name, function)


@contextmanager
def attribute(owner: Any, name: str, value: Any) -> Generator[None]:
    """Let an attribute be another one for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def loaded(*modules: str) -> None:
    """Import what is about to be patched."""
    for module in modules:
        importlib.import_module(f"qa_assets.{module}")
