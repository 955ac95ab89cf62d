"""What the standard library raises for a zip that is none, is cut off, damaged or unusual."""

import struct
import zipfile
import zlib

ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error),
    *(EOFError, NotImplementedError, OSError, ValueError),
)
"""Raised by opening a zip, by its directory and by reading a member."""
