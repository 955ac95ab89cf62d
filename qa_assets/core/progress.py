"""Who listens while long work goes on: nobody by default, the command line when it runs."""

from collections.abc import Callable

Listener = Callable[[str, float, bool], None]
"""Is told what is done, the share of it in [0, 1], and whether that is worth a line of its own."""
_listeners: list[Listener] = []


def report(text: str, share: float, *, step: bool = False) -> None:
    """Tell every listener what is being done.

    Args:
        text: In a few words.
        share: How much of it is done, in [0, 1].
        step: A step of it is finished and is told for good, as the whole is.
    """
    for listener in _listeners:
        listener(text, share, step or share >= 1.0)


def listen(listener: Listener) -> Callable[[], None]:
    """Add a listener; the returned function takes it away again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
