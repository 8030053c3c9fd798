"""Pictures: photographs that ship with scikit-image and files that a user uploads, as the input a variant expects."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps, UnidentifiedImageError
from torch import Tensor

from explorer.units import MIB

Picture = NDArray[np.uint8]
"""An RGB picture, (height, width, 3)."""
Framing = Literal["crop", "fit"]
Frame = tuple[float, float, float, float]

#: Photographs inside the scikit-image package: nothing is downloaded.
SAMPLES = {
    "Cat": "chelsea",
    "Astronaut": "astronaut",
    "Coffee": "coffee",
    "Rocket": "rocket",
    "Motorcycle": "motorcycle_left",
    "Deep field": "hubble_deep_field",
}
#: What Pillow calls a JPEG with further pictures behind the first, as phones and cameras write it.
_CAMERA = "MPO"
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
MAX_FILE_MIB = 20
MAX_PIXELS = 40_000_000
#: Longest side that is kept of an upload; no variant sees more at once.
MAX_SIDE = 2048
#: Pieces that a file is read in: a photograph has some thousands, and a parser takes microseconds for each.
MAX_READS = 200_000
#: Scans of a JPEG; encoders write about ten. Each costs a pass over all pixels, however small it is in the file.
MAX_JPEG_SCANS = 32
#: ImageNet statistics that the published weights were trained with, per RGB channel.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
#: The mean in 8 bits: around a picture that is fitted whole.
MEAN_COLOUR = (124, 116, 104)
#: Brightness of what lies outside the frame of a preview.
_DIMMED = 0.4
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
#: How Pillow names 16 bits a channel, in a picture's mode or that of its file; "BGR;16" is 16 bits a pixel.
_SIXTEEN_BIT = re.compile(r";16[BLN]?$")
_PIXEL_OF_SIXTEEN_BITS = "BGR;16"
_THIRTY_TWO_BIT = ("I", "F")
#: Markers other than stuffed zeros, restarts and fill bytes.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
#: What Pillow and the libraries below it raise on a damaged file.
_DAMAGED = (
    OSError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    AssertionError,
    MemoryError,
    struct.error,
    zlib.error,
)
_READABLE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, eq=False)
class DecodedPicture:
    """What a file holds, as the explorer shows it.

    Attributes:
        pixels: (height, width, 3), upright, at most `MAX_SIDE` pixels on its longest side, transparency on white.
        note: What was converted or left out, for the user; empty where nothing was.
    """

    pixels: Picture
    note: str


class PictureError(ValueError):
    """A picture is refused: what is wrong with it, in one sentence."""


class _CountingFile(io.BytesIO):
    """A file that breaks off when it is read in more pieces than any picture needs."""

    def __init__(self, contents: bytes) -> None:
        super().__init__(contents)
        self._reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise PictureError("The picture is cut into too many pieces: save it again as PNG or JPEG.")
        return super().read(size)


def load_sample(name: str) -> Picture:
    """One of `SAMPLES` as (height, width, 3).

    Raises:
        ValueError: If there is no such sample.
    """
    if name not in SAMPLES:
        raise ValueError(f"There is no sample picture {name!r}: use one of {', '.join(SAMPLES)}.")
    from importlib.resources import files

    folder = files("skimage").joinpath("data")
    found = next(entry for entry in folder.iterdir() if entry.name.rsplit(".", 1)[0] == SAMPLES[name])
    return np.asarray(Image.open(io.BytesIO(found.read_bytes())).convert("RGB"))


def read_picture(contents: bytes) -> DecodedPicture:
    """Decode an uploaded file; it is hostile until it has passed every check.

    Args:
        contents: The file.

    Returns:
        The picture; of several in a camera's file (MPO) the first.

    Raises:
        PictureError: If the file is too large, damaged, of another format, animated, or of colours that are neither
            grey, RGB nor CMYK with at most 16 bits a channel.
    """
    if len(contents) > MAX_FILE_MIB * MIB:
        raise PictureError(
            f"The picture's file has {len(contents) / MIB:.0f} MiB: use one of at most {MAX_FILE_MIB} MiB."
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_header has a stricter limit
            with Image.open(_CountingFile(contents), formats=FORMATS) as image:
                _check_header(image)
                if image.format in ("JPEG", _CAMERA):
                    _check_scans(contents)
                image.draft("RGB", (MAX_SIDE, MAX_SIDE))
                note = _note(image)
                return DecodedPicture(_decode(image), note)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"This file is no picture that can be read: use {', '.join(FORMATS)}.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"The picture is too large: use at most {MAX_PIXELS / 1e6:.0f} megapixels.") from error
    except _DAMAGED as error:
        raise PictureError("The picture is damaged or cut off: save it again as PNG or JPEG.") from error


def _check_header(image: Image.Image) -> None:
    """Refuse by what the header says, before any pixel is decoded."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise PictureError(
            f"The picture has {pixels / 1e6:.0f} megapixels: use at most {MAX_PIXELS / 1e6:.0f} megapixels."
        )
    if min(image.size) < 1:
        raise PictureError("The picture is empty: use one of at least 1x1 pixel.")
    # Not n_frames, which walks through all of them.
    if getattr(image, "is_animated", False) and image.format != _CAMERA:
        raise PictureError("The picture is animated or has pages: save one frame as PNG or JPEG.")
    if image.mode in _THIRTY_TWO_BIT:
        raise PictureError("The picture has 32 bits a channel: save it with 8 or 16 bits as PNG.")
    if image.mode not in _READABLE_MODES:
        raise PictureError(f"The picture's colours are {image.mode}: save it as RGB or grey PNG or JPEG.")


def _check_scans(contents: bytes) -> None:
    """Refuse a JPEG of more scans than encoders write, before any is decoded."""
    position, scans = 2, 0
    while (marker := _JPEG_MARKER.search(contents, position)) and marker[0] != b"\xff\xd9":
        scans += marker[0] == b"\xff\xda"
        if scans > MAX_JPEG_SCANS:
            raise PictureError(f"The JPEG has more than {MAX_JPEG_SCANS} scans: save it again as PNG or JPEG.")
        position = marker.end() + int.from_bytes(contents[marker.end() : marker.end() + 2])


def _note(image: Image.Image) -> str:
    """What decoding converts or leaves out; asked before it, for only then the file's own mode is known."""
    notes = []
    if image.format == _CAMERA:
        notes.append("The file holds several pictures; this is its first.")
    if _has_sixteen_bits(image):
        notes.append("Its 16 bits a channel were converted to 8.")
    if image.mode == "CMYK":
        notes.append("Its printing colours (CMYK) were converted to RGB without a colour profile.")
    return " ".join(notes)


def _has_sixteen_bits(image: Image.Image) -> bool:
    """Whether a channel has them; Pillow opens 16-bit RGB as 8-bit, and only the raw mode of its tiles still tells."""
    arguments = [tile[3] for tile in getattr(image, "tile", ())]
    raw_modes = [str(argument[0] if isinstance(argument, tuple) else argument) for argument in arguments]
    return any(_SIXTEEN_BIT.search(mode) and mode != _PIXEL_OF_SIXTEEN_BITS for mode in (image.mode, *raw_modes))


def _decode(image: Image.Image) -> Picture:
    if image.mode.startswith("I;16"):  # the upper eight bits
        image = Image.fromarray((np.asarray(ImageOps.exif_transpose(image)) >> 8).astype(np.uint8))
    image.thumbnail((MAX_SIDE, MAX_SIDE))  # before it is turned: that takes a copy
    upright = ImageOps.exif_transpose(image)
    if "A" in upright.mode or "transparency" in upright.info:
        upright = upright.convert("RGBA")
        background = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(background, upright)
    return np.asarray(upright.convert("RGB"))


def fit(picture: Picture, img_size: tuple[int, int], framing: Framing = "crop") -> Picture:
    """What a variant sees of a picture, resized to (height, width).

    Args:
        picture: (height, width, 3).
        img_size: Height and width that the variant takes, in pixels.
        framing: "crop" cuts the picture around its centre to the aspect; "fit" keeps all of it, between bars of the
            mean colour, which is zero once normalised.
    """
    height, width = img_size
    image = Image.fromarray(picture)
    if framing == "fit":
        return np.asarray(ImageOps.pad(image, (width, height), Image.Resampling.BICUBIC, color=MEAN_COLOUR))
    return np.asarray(ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC))


def frame_of(size: tuple[int, int], img_size: tuple[int, int], framing: Framing) -> Frame:
    """The part of a picture that a variant sees; a fitted picture's frame reaches beyond it.

    Args:
        size: (height, width) of the picture.
        img_size: Height and width that the variant takes.
        framing: As in `fit`.

    Returns:
        Left, top, right and bottom, in pixels of the picture.
    """
    height, width = size
    scales = height / img_size[0], width / img_size[1]
    scale = min(scales) if framing == "crop" else max(scales)
    seen_height, seen_width = scale * img_size[0], scale * img_size[1]
    left, top = (width - seen_width) / 2, (height - seen_height) / 2
    return left, top, left + seen_width, top + seen_height


def preview(picture: Picture, img_size: tuple[int, int], framing: Framing, longest_px: int) -> Picture:
    """The whole picture, small, with the frame of what a variant sees; what lies outside is dimmed.

    Args:
        picture: (height, width, 3).
        img_size: Height and width that the variant takes.
        framing: As in `fit`.
        longest_px: Longest side of the preview.
    """
    height, width = picture.shape[:2]
    frame = frame_of((height, width), img_size, framing)
    left, top = min(frame[0], 0), min(frame[1], 0)  # of what holds the picture and its frame
    right, bottom = max(frame[2], width), max(frame[3], height)
    scale = longest_px / max(right - left, bottom - top)

    def box(x0: float, y0: float, x1: float, y1: float) -> tuple[int, int, int, int]:
        x, y = round((x0 - left) * scale), round((y0 - top) * scale)
        return x, y, max(round((x1 - left) * scale), x + 1), max(round((y1 - top) * scale), y + 1)

    whole, place, seen = box(left, top, right, bottom), box(0, 0, width, height), box(*frame)
    canvas = Image.new("RGB", whole[2:], MEAN_COLOUR)
    canvas.paste(Image.fromarray(picture).resize((place[2] - place[0], place[3] - place[1])), place)
    drawn = ImageEnhance.Brightness(canvas).enhance(_DIMMED)
    drawn.paste(canvas.crop(seen), seen)
    _outline(drawn, seen)
    return np.asarray(drawn)


def _outline(image: Image.Image, box: tuple[int, int, int, int]) -> None:
    """White and black inside each other: one of them stands out on every picture."""
    draw = ImageDraw.Draw(image)
    for inset, colour in enumerate(("white", "white", "black")):
        left, top = box[0] + inset, box[1] + inset
        draw.rectangle((left, top, max(box[2] - 1 - inset, left), max(box[3] - 1 - inset, top)), outline=colour)


def to_input(fitted: Picture, in_chans: int) -> Tensor:
    """Normalise a fitted picture: (H, W, 3) -> (1, in_chans, H, W).

    One channel is the luma, two are red and green, three RGB, four RGB and the luma; each normalised with ImageNet's
    mean and deviation.

    Raises:
        ValueError: If more channels are asked for.
    """
    if in_chans > 4:
        raise ValueError(
            f"A picture gives up to 4 channels and this variant reads {in_chans}: use one that reads 1 to 4."
        )
    rgb = torch.from_numpy(fitted.copy()).permute(2, 0, 1).float() / 255  # (3, H, W)
    rgb = (rgb - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    luma = (rgb * torch.tensor(_LUMA).view(3, 1, 1)).sum(0, keepdim=True)
    channels = luma if in_chans == 1 else torch.cat([rgb, luma])[:in_chans]
    return channels.unsqueeze(0)
