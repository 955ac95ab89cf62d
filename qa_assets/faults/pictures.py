"""The samples of a class-per-folder dataset, as a fault changes them."""

import io
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.digests import digest_bytes
from qa_assets.core.errors import InputRefused
from qa_assets.datasets.stored_png import png_of

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder a class, pictures inside; files are replaced, never written through a link."""

    root: Path
    rng: np.random.Generator

    @property
    def classes(self) -> list[str]:
        """Names of the class folders."""
        return sorted(p.name for p in self.root.iterdir() if p.is_dir())

    def files(self, *labels: str) -> list[Path]:
        """Every picture, or those of some classes, in the order of their names.

        Raises:
            InputRefused: ``FAULT_NOT_HERE``: the dataset is no folder of pictures.
        """
        found = [p for p in self.root.rglob("*") if p.is_file()]
        if not found:
            what, remedy = "is no folder of pictures", "Faults of pictures are planted in those."
            raise InputRefused.of("FAULT_NOT_HERE", self.root.name, f"{what}.", remedy)
        return sorted(p for p in found if not labels or self.label(p) in labels)

    def label(self, path: Path) -> str:
        """The class of a picture."""
        return path.relative_to(self.root).parts[0]

    def some(self, share: float, paths: list[Path] | None = None) -> list[Path]:
        """A random share of the pictures, at least one."""
        among = self.files() if paths is None else paths
        count = max(1, round(share * len(among)))
        chosen = self.rng.choice(len(among), size=count, replace=False)
        return [among[i] for i in sorted(chosen)]

    def relabel(self, path: Path, label: str) -> Path:
        """Move a picture to another class."""
        inside = Path(*path.relative_to(self.root).parts[1:])
        target = self.root / label / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target = target.with_name(f"{target.stem}_{self.label(path)}{target.suffix}")
        shutil.move(path, target)
        return target

    def another(self, label: str) -> str:
        """A class that is not ``label``."""
        others = [c for c in self.classes if c != label]
        return others[int(self.rng.integers(len(others)))]

    def write(self, path: Path, body: bytes) -> str:
        """Replace a file; the id of the new sample."""
        path.unlink(missing_ok=True)
        path.write_bytes(body)
        return digest_bytes(body)

    def copy(self, path: Path, target: Path) -> str:
        """The same bytes once more; their id."""
        return self.write(target, path.read_bytes())

    def repaint(
        self, paths: Iterable[Path], change: Callable[[Pixels], Any], **options: Any
    ) -> set[str]:
        """Change the pixels of pictures, shape (height, width[, channel]); ids of the new ones."""
        from PIL import Image

        ids: set[str] = set()
        for path in paths:
            with Image.open(path) as image:
                painted = change(np.asarray(image).copy())
            if not isinstance(painted, Image.Image):
                values = np.rint(np.clip(painted, 0, np.iinfo(np.uint8).max)).astype(np.uint8)
                painted = Image.fromarray(values)
            ids.add(self.write(path, _encoded(painted, options)))
        return ids


def _encoded(image: Any, options: dict[str, Any]) -> bytes:
    """Grey PNG as the embedded sets are written, so that no encoder's habits give a fault away."""
    if not options and image.mode == "L":
        return png_of(np.asarray(image))
    out = io.BytesIO()
    image.save(out, **{"format": "PNG", **options})
    return out.getvalue()
