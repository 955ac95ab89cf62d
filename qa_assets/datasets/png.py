"""What is wrong with a PNG that decoders forgive: checksums, a missing end, missing rows."""

import struct
import zlib
from collections.abc import Iterator
from typing import Literal

SIGNATURE = b"\x89PNG\r\n\x1a\n"
Damage = Literal["truncated", "checksum"]
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Values of a pixel by colour type."""
_PIECE = 1 << 20
"""Bytes inflated at once; they are counted and dropped."""


def damage(payload: bytes) -> Damage | None:
    """Check every chunk's checksum and the end of the file, without inflating anything."""
    for kind, body, checksum in _chunks(payload):
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            return "checksum"
        if kind == b"IEND":
            return None
    return "truncated"


def lacks_rows(payload: bytes) -> bool:
    """Whether there are fewer pixels than the header says; a decoder would leave them black.

    Interlaced pictures are left to the decoder. Call it for sizes that are accepted.

    Source: PNG specification, third edition, sections 9 and 11.2.2.
    """
    chunks = [(kind, body) for kind, body, _ in _chunks(payload)]
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", chunks[0][1][:13])
    if interlaced or colour not in _CHANNELS:
        return False
    row = 1 + (width * depth * _CHANNELS[colour] + 7) // 8
    inflated, inflater = 0, zlib.decompressobj()
    pending = b"".join(body for kind, body in chunks if kind == b"IDAT")
    while inflated < row * height:
        piece = inflater.decompress(pending, _PIECE)
        if not piece:
            return True
        inflated += len(piece)
        pending = inflater.unconsumed_tail
    return False


def _chunks(payload: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind, body and checksum of every complete chunk."""
    place, overhead = len(SIGNATURE), 12  # of a chunk: length, kind, checksum, 4 bytes each
    while place + overhead <= len(payload):
        length, kind = struct.unpack_from(">I4s", payload, place)
        end = place + overhead + length
        if end > len(payload):
            return
        (checksum,) = struct.unpack_from(">I", payload, end - 4)
        yield kind, payload[place + 8 : end - 4], checksum
        place = end
