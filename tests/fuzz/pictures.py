"""Pictures that mean harm: every format that Pillow writes, damaged, and files that are small only on disk."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from explorer.pictures.photographs import FORMATS, MAX_FILE_MIB
from tests.fuzz.mutations import Case, damaged

_MODES = ("RGB", "L", "P", "RGBA", "LA", "1", "CMYK", "I;16", "F")
_SIDE = 6300  # squared, just under the limit of 40 megapixels
_LARGEST = MAX_FILE_MIB * 2**20


def cases() -> Iterator[Case]:
    """All of them, by name."""
    Image.init()
    for kind in sorted(Image.SAVE):
        for mode in _MODES:
            contents = _written(kind, mode)
            if contents is None:
                continue
            name = f"{mode.replace(';', '-')}.{kind.lower()}"
            yield name, contents
            yield from damaged(name, contents, 4 if kind in FORMATS else 1)
    yield from _large_when_decoded()
    yield from _many_pieces()


def _written(kind: str, mode: str) -> bytes | None:
    """A small picture in a format; None where the format does not hold the mode."""
    buffer = io.BytesIO()
    try:
        Image.linear_gradient("L").resize((48, 40)).convert("RGB").convert(mode).save(buffer, kind)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
        return None
    return buffer.getvalue()


def _large_when_decoded() -> Iterator[Case]:
    for kind, mode, options in (
        ("PNG", "RGBA", {}),
        ("TIFF", "RGBA", {"compression": "tiff_adobe_deflate"}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("GIF", "P", {}),
        ("PNG", "I;16", {}),
        ("TIFF", "CMYK", {"compression": "tiff_adobe_deflate"}),
    ):
        buffer = io.BytesIO()
        Image.new(mode, (_SIDE, _SIDE)).save(buffer, kind, **options)
        yield f"largest_{mode.replace(';', '-')}.{kind.lower()}", buffer.getvalue()
    header = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 6, 0, 0, 0)
    yield "claims_gigapixels.png", _png(_chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(bytes(10**6))))
    for kind, before in ((b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0")):
        swollen = _chunk(kind, before + zlib.compress(bytes(100 * 2**20)))
        yield f"swollen_{kind.decode()}.png", _small_png(swollen)


def _many_pieces() -> Iterator[Case]:
    """Files of the largest allowed size whose parsers would turn over each of a million pieces."""
    grey = io.BytesIO()
    Image.new("L", (4000, 4000)).save(grey, "JPEG", progressive=True, quality=10)
    jpeg = grey.getvalue()
    scan = jpeg[jpeg.rfind(b"\xff\xda") : -2]
    yield "scans.jpeg", jpeg[:-2] + scan * 3000 + jpeg[-2:]
    yield "segments.jpeg", jpeg[:2] + b"\xff\xef\x00\x02" * (_LARGEST // 5) + jpeg[2:]
    yield "chunks.png", _small_png(_chunk(b"zzZz", b"") * (_LARGEST // 13))
    screen = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff"
    frame = b",\0\0\0\0\1\0\1\0\0\x02\x02\x44\x01\x00"
    yield "frames.gif", screen + frame * (_LARGEST // 16) + b";"
    yield "comments.gif", screen + b"!\xfe\x01a\x00" * (_LARGEST // 6) + frame + b";"
    yield "directories.tiff", _tiff_directories(_LARGEST // 20)
    yield "circle.tiff", b"II*\0" + struct.pack("<IHHHIII", 8, 1, 256, 3, 1, 1, 8)


def _tiff_directories(count: int) -> bytes:
    """A chain of directories, each of one entry."""
    body = bytearray(b"II*\0" + struct.pack("<I", 8))
    for number in range(count):
        following = 8 + 18 * (number + 1) if number < count - 1 else 0
        body += struct.pack("<HHHIII", 1, 256, 3, 1, 1, following)
    return bytes(body)


def _small_png(extra: bytes) -> bytes:
    pixels = _chunk(b"IDAT", zlib.compress(bytes(20)))
    return _png(_chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)) + extra + pixels)


def _png(chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunks + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
