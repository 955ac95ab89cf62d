"""Fixtures of the tests about datasets."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

_watched: list[list[str]] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        for names in _watched:
            names.append(str(arguments[0]))


@contextmanager
def _watch() -> Iterator[list[str]]:
    names: list[str] = []
    _watched.append(names)
    try:
        yield names
    finally:
        _watched.remove(names)


@pytest.fixture(scope="session")
def opened() -> Callable[[], AbstractContextManager[list[str]]]:
    """Names of the files that are opened while it is entered, by whatever means."""
    sys.addaudithook(_note)
    return _watch
