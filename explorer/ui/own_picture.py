"""A picture of the user's own: taken in, kept for the browser that sent it, cropped or fitted whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import streamlit as st

from explorer.pictures.photographs import (
    FORMATS,
    MAX_FILE_MIB,
    Framing,
    Picture,
    preview,
)
from explorer.reading.uploads import picture_from_upload, reading_server
from explorer.sharing.shared_cache import SharedCache
from explorer.ui import choices
from explorer.ui.panels import plain
from explorer.ui.visitors import browser

#: What is kept of all browsers together: the newest picture of each, an hour from its last use.
MAX_PICTURES = 32
MAX_PICTURES_MIB = 96
KEPT_S = 3600
_SESSION = "own_picture"
_ERROR = "own_picture_error"
_FILE = "picture_file"
_LONGEST_NAME = 40
_PREVIEW_PX = 220
_FRAME = "frame"
_FRAMINGS: dict[Framing, str] = {"crop": "Crop", "fit": "Fit whole"}


@dataclass(frozen=True, eq=False)
class OwnPicture:
    """An uploaded picture.

    Attributes:
        name: Of its file, as much of it as reads well in a sentence.
        digest: Tells its contents from all others.
        picture: (height, width, 3).
        note: What was converted or left out of the file.
    """

    name: str
    digest: str
    picture: Picture
    note: str

    def choose_framing(self, img_size: tuple[int, int]) -> Framing:
        """Choose in the sidebar how it becomes what the network sees, and show the frame."""
        with st.sidebar:
            framing = choices.segments(
                "Framing",
                tuple(_FRAMINGS),
                key=_FRAME,
                format_func=lambda option: _FRAMINGS[option],
                help="Crop around the centre to the network's aspect, or fit the whole picture between bars of the "
                "mean colour, which is zero to the network.",
            )
            st.image(
                preview(self.picture, img_size, framing, _PREVIEW_PX),
                caption="What the network sees lies in the frame.",
                alt=f"{self.name}, with a frame around what the network sees",
            )
            if self.note:
                st.info(plain(self.note), icon=":material/info:")
        return framing


def own_picture() -> OwnPicture | None:
    """What was uploaded in this session or, before it, in this browser; asking keeps it for another hour."""
    key = browser()
    kept: OwnPicture | None = _kept().get(key) if key else None
    if kept is not None:
        st.session_state.setdefault(_SESSION, kept)
    mine: OwnPicture | None = st.session_state.get(_SESSION)
    return mine


def upload_field(on_taken: Callable[[], None]) -> None:
    """Take a picture in the sidebar; `on_taken()` is called once it is the user's own."""
    reading_server().start()  # it is ready by the time that a file has been chosen
    with st.sidebar:
        file = st.file_uploader(
            "Use your own picture",
            type=["png", "jpg", "jpeg", "webp", "bmp", "gif", "tif", "tiff"],
            key=_FILE,
            on_change=_take,
            args=(on_taken,),
            max_upload_size=MAX_FILE_MIB,
            help=f"{', '.join(FORMATS)}, at most 16 bits a channel. It stays in this server's memory until an hour "
            "after its last use, for this browser alone.",
        )
        if file is not None and _ERROR in st.session_state:
            st.error(plain(st.session_state[_ERROR]), icon=":material/error:")


def _take(on_taken: Callable[[], None]) -> None:
    """Decode an upload; the picture chosen before stays when it is refused."""
    state = st.session_state
    state.pop(_ERROR, None)
    file = state[_FILE]
    if file is None:
        return
    contents = file.getvalue()
    try:
        picture = picture_from_upload(contents)
    except ValueError as error:
        state[_ERROR] = f"{file.name} was not taken. {error}"
        return
    name = re.sub(r"[^\w .-]+", "-", file.name)[-_LONGEST_NAME:]
    state[_SESSION] = OwnPicture(name, hashlib.sha256(contents).hexdigest(), picture.pixels, picture.note)
    if key := browser():
        _kept().put(key, state[_SESSION])
    on_taken()


@cache
def _kept() -> SharedCache:
    return SharedCache(MAX_PICTURES_MIB, most=MAX_PICTURES, unused_s=KEPT_S)
