"""One room, one registry: the modules of a package are its plug-ins."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import TypeVar

T = TypeVar("T")
ENTRY_POINTS = "qa_assets.plugins"
"""Group whose entry points are modules of third parties; each registers itself when imported."""


class Registry(Mapping[str, T]):
    """Plug-ins by name; the modules of ``package`` are imported at the first look-up.

    They are in the order of their modules' names, and within a module as it defines them, whichever
    module a process happened to import first: what is keyed by them is the same everywhere.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._items: dict[str, T] = {}
        self._modules: dict[str, str] = {}
        self._loaded = False

    def add(self, name: str, item: T, *, module: str = "") -> None:
        """Register ``item``; a name is taken once.

        Args:
            name: What settings call it.
            item: The plug-in.
            module: Where it is defined; the module that calls, if not given.
        """
        if name in self._items:
            raise ValueError(f"{name!r} is already registered in {self._package}.")
        self._items[name] = item
        self._modules[name] = module or _caller()

    def __getitem__(self, name: str) -> T:
        items = self._load()
        if name not in items:
            raise KeyError(f"{self._package} has no {name!r}; it has {sorted(items)}.")
        return items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def _load(self) -> dict[str, T]:
        if not self._loaded:
            self._loaded = True
            try:
                self._import_modules()
            except BaseException:
                self._loaded = False  # half a registry must not pass for a whole one
                raise
            order = sorted(self._items, key=lambda name: self._modules[name])
            self._items = {name: self._items[name] for name in order}
        return self._items

    def _import_modules(self) -> None:
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
            importlib.import_module(module.name)
        for plugin in entry_points(group=ENTRY_POINTS):
            plugin.load()


def _caller() -> str:
    frame = inspect.currentframe()
    registering = frame and frame.f_back and frame.f_back.f_back
    return str(registering.f_globals["__name__"]) if registering else ""
