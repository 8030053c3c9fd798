"""Weights that others have published, offered in the sidebar: what they are, and a click that fetches them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from explorer.models.published_weights import kept_bytes, megabytes, title, weights_size
from explorer.ui import choices
from explorer.ui.panels import plain, verbatim
from explorer.ui.progress import OnProgress, ShouldStop, forget_work, with_progress
from hrformer.download import Download, DownloadError
from hrformer.published import PublishedWeights, published_weights

Take = Callable[[PublishedWeights, Path], None]
"""Uses the weights in a file; raises a ValueError with one sentence where they are refused."""

_CHOICE = "published_weights"
_NONE = "none"
_WORK = "published_weights"
_WANTED = "wanted_published_weights"
_ERROR = "published_weights_error"


def published_weights_field(take: Take, in_use: PublishedWeights | None) -> None:
    """Offer the list and what can be done with the chosen ones; nothing is fetched before a click.

    Args:
        take: Called with the chosen weights once their file is there.
        in_use: Those that the page shows already.
    """
    known = published_weights()
    with st.sidebar:
        name = choices.one_of(
            st.selectbox,
            "Published weights",
            (_NONE, *known),
            key=_CHOICE,
            format_func=lambda key: "None" if key == _NONE else f"{title(known[key])} · {weights_size(known[key])}",
            help="Trained weights of others, on their servers. They are fetched only when you ask for it, kept in a "
            "cache on the machine that runs this app, and read only if their SHA-256 is the published one.",
        )
        if name == _NONE:
            return
        weights = known[name]
        st.markdown(_description(weights))  # a link in a caption is too pale to read
        if in_use is not None and in_use.name == name:
            st.success("In use.", icon=":material/check:")
        elif st.session_state.get(_WANTED) == name:
            _fetch(weights, take)
        else:
            _offer(weights, take)


def chosen_published_weights() -> str | None:
    """The name of those that are chosen, in use or only offered."""
    name: str = choices.held(_CHOICE, _NONE)
    return None if name == _NONE else name


def forget_published_weights() -> None:
    """Choose none, as when a file of the user's own takes their place."""
    choices.forget(_CHOICE)


def _description(weights: PublishedWeights) -> str:
    kept = kept_bytes(weights)
    score = "no score told" if weights.score is None else f"{weights.score_name} {weights.score:.3f}"
    size = f"{weights_size(weights)} of weights; the server tells the file's size as the download begins"
    if kept is not None:
        size = f"{megabytes(kept)}, in the cache"
    source = f"licence {weights.licence}, from [{verbatim(weights.source)}]({weights.file.url})"
    return f"{weights.task.capitalize()}, {verbatim(score)} · {size} · {source}"


def _offer(weights: PublishedWeights, take: Take) -> None:
    failed_name, sentence = st.session_state.get(_ERROR, ("", ""))
    if failed_name == weights.name:
        st.error(plain(sentence), icon=":material/error:")
    if kept_bytes(weights) is not None:
        st.button("Use them", key="use_published", icon=":material/check:", on_click=_use, args=(weights, take))
        return
    if weights.path.exists():
        st.caption("The file of this name in the cache is another one; the download takes its place.")
    st.button(
        f"Download from {weights.file.host}",
        key="fetch_published",
        icon=":material/cloud_download:",
        on_click=_want,
        args=(weights.name,),
    )


def _want(name: str) -> None:
    st.session_state.pop(_ERROR, None)
    st.session_state[_WANTED] = name


def _use(weights: PublishedWeights, take: Take) -> None:
    """Take the file that is in the cache, and ask no server where it has gone meanwhile."""
    st.session_state.pop(_ERROR, None)
    try:
        if not weights.are_kept():
            raise ValueError("The file is not in the cache any more: download it again.")
        take(weights, weights.path)
    except (ValueError, OSError) as error:
        _remember(weights, error)


def _fetch(weights: PublishedWeights, take: Take) -> None:
    """Progress of the download; once it is over the page runs again with the weights, or with why there are none."""
    try:
        path = with_progress(
            _WORK,
            weights.name,
            f"Fetching {weights.name}",
            partial(_download, weights),
            needed_mib=None,  # it goes through the disk, a piece at a time
            amount=_fetched,
            again="Go on",
        )
        if path is None:
            return
        take(weights, path)
    except (ValueError, OSError) as error:
        _remember(weights, error)
    forget_work(_WORK, weights.name)
    st.session_state.pop(_WANTED, None)
    st.rerun()


def _download(weights: PublishedWeights, on_progress: OnProgress, should_stop: ShouldStop) -> Path | None:
    return Download(weights.file, on_progress=on_progress, should_stop=should_stop).run()


def _fetched(done: int, total: int) -> str:
    return f"{megabytes(done)} of {megabytes(total)}" if total else megabytes(done)


def _remember(weights: PublishedWeights, error: ValueError | OSError) -> None:
    """Keep what a visitor is told, who may have no access to the cache of the server but has a browser."""
    sentence = str(error)
    if isinstance(error, DownloadError):
        sentence = f"{error.reason}: try again, or fetch {weights.file.url} yourself and give it to Use a checkpoint."
    st.session_state[_ERROR] = weights.name, f"{weights.name} were not taken. {sentence}"
