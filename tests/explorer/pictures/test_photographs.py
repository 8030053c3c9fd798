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

from explorer.pictures.photographs import (
    MAX_SIDE,
    SAMPLES,
    Framing,
    fit,
    frame_of,
    load_sample,
    preview,
    read_picture,
    to_input,
)


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
        np.testing.assert_array_equal(read_picture(encoded(RGB, kind)).pixels, np.asarray(RGB))


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert (read_picture(encoded(clear)).pixels == 255).all()


def test_a_rotated_photograph_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    image = Image.new("RGB", (8, 4), "black")
    assert read_picture(encoded(image, "JPEG", exif=exif)).pixels.shape == (8, 4, 3)


def test_large_pictures_are_scaled_down() -> None:
    assert read_picture(encoded(Image.new("RGB", (5000, 100)))).pixels.shape[1] == MAX_SIDE


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
        (encoded(Image.new("I", (4, 4)), "TIFF"), "32 bits"),
        (encoded(Image.new("LAB", (4, 4)), "TIFF"), "LAB"),
        (encoded(RGB, "GIF", save_all=True, append_images=[Image.new("RGB", (4, 4))]), "animated"),
        (encoded(RGB, "WEBP", save_all=True, append_images=[Image.new("RGB", (4, 4))]), "animated"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), "32 bits"),
        (encoded(RGB, "PPM"), "no picture"),
    ],
    ids=["empty", "exe", "svg", "cut", "cut_jpeg", "bomb", "large", "32bit", "lab", "gif", "webp", "float", "ppm"],
)
def test_bad_files_are_refused_in_one_sentence(contents: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        read_picture(contents)
    assert "\n" not in str(caught.value)


SIXTEEN_BITS = np.array([[0, 255, 256, 32768, 65535]], np.uint16)


@pytest.mark.parametrize(("kind", "order"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
def test_sixteen_bit_grey_keeps_its_upper_eight_with_a_note(kind: str, order: str) -> None:
    picture = read_picture(encoded(Image.fromarray(SIXTEEN_BITS.astype(order)), kind))
    assert picture.pixels.tolist() == [[[value] * 3 for value in (0, 0, 1, 128, 255)]]
    assert picture.note == "Its 16 bits a channel were converted to 8."


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bit_colours_keep_their_upper_eight_with_a_note(colour_type: int, channels: int) -> None:
    """RGB, grey with alpha and RGB with alpha; the last channel of those with alpha is opaque."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, colour_type, 0, 0, 0))
    values = [0x1234, 0x5678, 0x9ABC, 0xFFFF][: channels - (channels % 2 == 0)] + [0xFFFF] * (channels % 2 == 0)
    row = png_chunk(b"IDAT", zlib.compress(b"\0" + struct.pack(f">{channels}H", *values)))
    picture = read_picture(b"\x89PNG\r\n\x1a\n" + header + row + png_chunk(b"IEND", b""))
    assert picture.pixels.tolist() == [[[0x12, 0x56, 0x9A] if channels > 2 else [0x12] * 3]]
    assert "16 bits" in picture.note


def test_a_sixteen_bit_picture_is_scaled_and_stands_upright() -> None:
    image = Image.fromarray(np.full((100, 5000), 0x8000, np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(encoded(image, exif=exif))
    assert picture.pixels.shape == (MAX_SIDE, 41, 3)
    assert (picture.pixels == 128).all()


def test_sixteen_bits_a_pixel_are_no_sixteen_a_channel() -> None:
    """A bitmap of 5, 6 and 5 bits: pure red."""
    header = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 16, 3, 4, 0, 0, 0, 0) + struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    contents = b"BM" + struct.pack("<IHHI", 14 + len(header) + 4, 0, 0, 14 + len(header)) + header
    picture = read_picture(contents + struct.pack("<HH", 0xF800, 0))
    assert picture.pixels.tolist() == [[[255, 0, 0]]]
    assert picture.note == ""


INKS = {(0, 0, 0, 0): (255, 255, 255), (255, 0, 0, 0): (0, 255, 255), (0, 0, 0, 255): (0, 0, 0)}


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
@pytest.mark.parametrize("ink", INKS)
def test_printing_colours_are_converted_with_a_note(kind: str, ink: tuple[int, ...]) -> None:
    picture = read_picture(encoded(Image.new("CMYK", (16, 16), ink), kind))
    assert np.abs(picture.pixels.astype(int) - INKS[ink]).max() <= 2
    assert "CMYK" in picture.note


@pytest.mark.parametrize("count", [2, 3])
def test_a_phones_file_of_several_pictures_gives_its_first(count: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    first, *others = (Image.new("RGB", (16, 8), colour) for colour in ("red", "blue", "lime")[:count])
    picture = read_picture(encoded(first, "MPO", save_all=True, append_images=others, exif=exif))
    assert picture.pixels.shape == (16, 8, 3)
    assert np.abs(picture.pixels.astype(int) - (255, 0, 0)).max() <= 2
    assert picture.note == "The file holds several pictures; this is its first."


def test_a_picture_that_is_shown_as_it_is_has_no_note() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"):
        assert read_picture(encoded(RGB, kind)).note == ""


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
    assert picture.pixels.shape[2] == 3


def test_fitting_keeps_the_centre_and_the_aspect() -> None:
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, 100:200] = 255
    assert (fit(picture, (50, 50)) == 255).mean() > 0.95


def test_a_picture_that_is_fitted_whole_lies_between_bars_that_are_zero_to_a_network() -> None:
    picture = np.full((100, 300, 3), 255, np.uint8)
    x = to_input(fit(picture, (60, 60), "fit"), 3)
    white = x[0].amin(0) > 2
    assert white[20:40].all()  # 60 / 300 of 100 rows, in the middle
    assert not white[:20].any()
    assert not white[40:].any()
    assert x[0, :, :20].abs().max() < 0.5 / 255 / 0.224


@pytest.mark.parametrize(
    ("framing", "img_size", "frame"),
    [
        ("crop", (50, 50), (100, 0, 200, 100)),
        ("fit", (50, 50), (0, -100, 300, 200)),
        ("crop", (64, 32), (125, 0, 175, 100)),
        ("fit", (64, 32), (0, -250, 300, 350)),
        ("crop", (20, 60), (0, 0, 300, 100)),
        ("fit", (20, 60), (0, 0, 300, 100)),
    ],
)
def test_the_frame_is_the_largest_inside_or_the_smallest_around(
    framing: Framing, img_size: tuple[int, int], frame: tuple[float, ...]
) -> None:
    assert frame_of((100, 300), img_size, framing) == pytest.approx(frame)


@pytest.mark.parametrize("framing", ["crop", "fit"])
def test_a_network_sees_what_the_frame_holds(framing: Framing) -> None:
    ramp = np.tile(np.linspace(0, 250, 251, dtype=np.uint8)[None, :, None], (100, 1, 3))
    seen = fit(ramp, (25, 25), framing)[12, :, 0].astype(float)
    left, _, right, _ = frame_of((100, 251), (25, 25), framing)
    middles = left + (np.arange(25) + 0.5) * (right - left) / 25  # of the columns, in pixels of the picture
    inside = slice(1, -1)  # bicubic resampling has no neighbours beyond the border
    np.testing.assert_allclose(seen[inside], middles[inside] - 0.5, atol=1.5)


def test_the_preview_dims_what_a_crop_leaves_out_and_outlines_the_rest() -> None:
    picture = np.full((100, 300, 3), 200, np.uint8)
    shown = preview(picture, (50, 50), "crop", 150)
    assert shown.shape == (50, 150, 3)
    assert (shown[:, :50] == 80).all()
    assert (shown[:, 100:] == 80).all()
    assert (shown[4:-4, 54:-54] == 200).all()
    assert (shown[0, 50:100] == 255).all()
    assert (shown[2, 52:98] == 0).all()


def test_the_preview_of_a_fitted_picture_has_its_bars() -> None:
    picture = np.full((100, 300, 3), 200, np.uint8)
    shown = preview(picture, (50, 50), "fit", 150)
    assert shown.shape == (150, 150, 3)
    assert (shown[54:96, 4:-4] == 200).all()
    assert (shown[4:46, 4:-4] == (124, 116, 104)).all()


@pytest.mark.parametrize("framing", ["crop", "fit"])
@pytest.mark.parametrize("size", [(1, 2048), (2048, 1), (1, 1)])
def test_the_thinnest_picture_can_be_framed(size: tuple[int, int], framing: Framing) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    assert fit(picture, (64, 96), framing).shape == (64, 96, 3)
    assert max(preview(picture, (64, 96), framing, 200).shape) == 200


def test_input_is_normalised_with_imagenet_statistics() -> None:
    white = np.full((32, 32, 3), 255, np.uint8)
    x = to_input(white, 3)
    assert x.shape == (1, 3, 32, 32)
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-4, rtol=0)
    for channels in (1, 2, 4):
        assert to_input(white, channels).shape == (1, channels, 32, 32)
