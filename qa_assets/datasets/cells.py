"""Cells of a table's rows, small enough for a million rows: what comes again is kept once."""

from collections.abc import Iterable, Iterator, Mapping

_DIFFERENT = 1 << 12
"""Texts of a column that are remembered; one with more has hardly two alike."""


class Cells(Mapping[str, str]):
    """Text by column in half the memory of a dictionary; a table's rows share its columns."""

    __slots__ = ("_columns", "_texts")

    def __init__(self, columns: tuple[str, ...], texts: Iterable[str]) -> None:
        """As many texts as columns."""
        self._columns, self._texts = columns, tuple(texts)

    def __getitem__(self, column: str) -> str:
        """One cell."""
        try:
            return self._texts[self._columns.index(column)]
        except ValueError:
            raise KeyError(column) from None

    def __iter__(self) -> Iterator[str]:
        """The columns."""
        return iter(self._columns)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self._columns)


class CellsOf:
    """Makes the cells of one table."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        """A table with these columns."""
        self._columns = columns
        self._met: list[dict[str, str]] = [{} for _ in columns]

    def __call__(self, texts: Iterable[str]) -> Cells:
        """Those of a row."""
        return Cells(self._columns, map(_shared, self._met, texts))


def _shared(met: dict[str, str], text: str) -> str:
    return met.setdefault(text, text) if len(met) < _DIFFERENT else met.get(text, text)
