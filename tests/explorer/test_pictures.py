"""Uploaded pictures are hostile until they have passed every check."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from explorer.pictures import MAX_SIDE, SAMPLES, fit, load_sample, read_picture, to_input


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(100))) + png_chunk(b"IEND", b"")


RGB = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_are_rgb(name: str) -> None:
    picture = load_sample(name)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert min(picture.shape[:2]) >= 300


def test_lossless_formats_come_back_pixel_for_pixel() -> None:
    for kind in ("PNG", "BMP", "TIFF"):
        np.testing.assert_array_equal(read_picture(encoded(RGB, kind)), np.asarray(RGB))


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert (read_picture(encoded(clear)) == 255).all()


def test_a_rotated_photograph_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image = Image.new("RGB", (8, 4), "black")
    assert read_picture(encoded(image, "JPEG", exif=exif)).shape == (8, 4, 3)


def test_large_pictures_are_scaled_down() -> None:
    assert read_picture(encoded(Image.new("RGB", (5000, 100)))).shape[1] == MAX_SIDE


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "no picture"),
        (b"MZ not a picture at all", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (encoded(RGB)[:45], "damaged|no picture"),
        (encoded(Image.new("RGB", (64, 64)), "JPEG")[:200], "damaged"),
        (png_header(100_000, 100_000), "megapixels"),
        (png_header(9_000, 9_000), "megapixels"),
        (encoded(Image.fromarray(np.zeros((4, 4), np.uint16))), "more than 8 bits"),
        (encoded(Image.new("CMYK", (4, 4)), "JPEG"), "CMYK"),
        (encoded(RGB, "GIF", save_all=True, append_images=[Image.new("RGB", (4, 4))]), "animated"),
        (encoded(RGB, "WEBP", save_all=True, append_images=[Image.new("RGB", (4, 4))]), "animated"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "more than 8 bits"),
        (encoded(RGB, "PPM"), "no picture"),
    ],
    ids=["empty", "exe", "svg", "cut", "cut_jpeg", "bomb", "large", "16bit", "cmyk", "gif", "webp", "float", "ppm"],
)
def test_bad_files_are_refused_in_one_sentence(contents: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_picture(contents)
    assert "\n" not in str(caught.value)


def test_sixteen_bit_rgb_is_not_silently_cut_to_eight() -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    rows = b"".join(b"\x00" + bytes(12) for _ in range(2))
    contents = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="more than 8 bits"):
        read_picture(contents)


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"]), st.data())
@settings(max_examples=120, deadline=None)
def test_a_corrupted_file_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    contents = bytearray(encoded(Image.new("RGB", (16, 16), "red"), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        contents[data.draw(st.integers(0, len(contents) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = read_picture(bytes(contents))
    except ValueError:
        return
    assert picture.shape[2] == 3


def test_fitting_keeps_the_centre_and_the_aspect() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255
    assert (fit(picture, (50, 50)) == 255).mean() > 0.95


def test_input_is_normalised_with_imagenet_statistics() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    x = to_input(white, 3)
    assert x.shape == (1, 3, 32, 32)
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4, rtol=0)
    for channels in (1, 2, 4):
        assert to_input(white, channels).shape == (1, channels, 32, 32)
