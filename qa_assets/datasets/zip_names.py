"""Names in a zip as they were meant, where the tool that wrote them did not keep to the rules.

Source: APPNOTE.TXT 4.4.17 (slashes only) and appendix D (a flag says UTF-8, else code page 437).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qa_assets.core.tables import compute

if TYPE_CHECKING:
    import pyarrow as pa

_SAID_UTF8 = 1 << 11
_OLD_PAGE = "cp437"


def spelt_names(names: "pa.Array", flags: "NDArray[np.uint16]") -> "pa.Array":
    """Names that are UTF-8 without saying so, and with backslashes for slashes, as they should be.

    macOS does the former, some tools of Windows the latter. Backslashes are separators where no
    name of the archive has a slash.

    Args:
        names: As the standard library reads them.
        flags: General purpose flags of as many members.

    Returns:
        As many names; the same column where there is nothing to change.
    """
    import pyarrow as pa

    plain = compute().string_is_ascii(names).to_numpy(zero_copy_only=False)
    unsaid = ~plain & (flags & _SAID_UTF8 == 0)
    swapped = _any_has(names, "\\") and not _any_has(names, "/")
    if not unsaid.any() and not swapped:
        return names
    pairs = zip(names.to_pylist(), unsaid.tolist(), strict=True)
    words = (_as_utf8(name) if old else name for name, old in pairs)
    return pa.array([w.replace("\\", "/") if swapped else w for w in words], pa.large_string())


def _any_has(names: "pa.Array", mark: str) -> bool:
    return bool(compute().any(compute().match_substring(names, mark)).as_py())


def _as_utf8(name: str) -> str:
    """What the bytes of a name say, if they are UTF-8; those of the old code page hardly are."""
    try:
        return name.encode(_OLD_PAGE).decode("utf-8")
    except UnicodeDecodeError:
        return name
