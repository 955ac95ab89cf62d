"""A store on top of another one: what is planted never reaches the store below."""

from pathlib import Path

from qa_assets.core.store import LocalStore


class Overlay(LocalStore):
    """Writes into its own folder; what it does not have is read from the store below."""

    def __init__(self, root: Path, below: LocalStore) -> None:
        super().__init__(root)
        self.below = below

    def get(self, digest: str) -> Path:
        """The verified folder, its own first."""
        return super().get(digest) if self._object(digest).exists() else self.below.get(digest)

    def read(self, digest: str, name: str) -> bytes:
        """One verified file, its own first."""
        own = self._object(digest).exists()
        return super().read(digest, name) if own else self.below.read(digest, name)

    def resolve(self, name: str) -> str | None:
        """What a name stands for here, else below."""
        return super().resolve(name) or self.below.resolve(name)

    def own_copy(self, digest: str) -> Path:
        """A copy of an artifact in this store, to be damaged."""
        import shutil

        here = self._object(digest)
        if not here.exists():
            shutil.copytree(self.below.get(digest), here)
        return here
