"""Who listens while long work goes on: nobody by default, the command line when it runs."""

from collections.abc import Callable

Listener = Callable[[str, float], None]
_listeners: list[Listener] = []


def report(text: str, share: float) -> None:
    """Tell every listener what is being done, and the share of it that is done, in [0, 1]."""
    for listener in _listeners:
        listener(text, share)


def listen(listener: Listener) -> Callable[[], None]:
    """Add a listener; the returned function takes it away again."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)
