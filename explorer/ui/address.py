"""The address of a page: read once a browser tab, written in one update.

With every move of the user the browser sends its query string, on a busy server an old one. So a query string is a
link only where this tab was never given it: one that comes late, or with a step back to another page, changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlencode

import streamlit as st

from explorer.models.variants import QUERY_KEYS
from hrformer.wording import listed

_ADDRESS = "address"
#: Makes a link within the app one that this tab was never given, however often it is used.
_TOKEN = "link"

#: Every key that some page's link has. Others mean nothing, and the page that opens such a link says so.
LINK_KEYS = frozenset(
    (
        *QUERY_KEYS,
        *("compare", "pin", "overlay", "beside", "ablation_network"),
        *("network", "picture", "weights", "published_weights", "seed", "frame"),
        *("stage", "module", "branch", "block", "head", "row", "column"),
        *("field_stage", "field_module", "field_branch", "field_section", "pictures"),
        *(
            "architecture_section",
            "cost_figure",
            "attention_detail",
            "attention_as",
            "view",
            "channel",
            "fusion_target",
        ),
        *("mask_opacity", "boxes", "person", "joint", "least_score", "flip_test", "pointer"),
        *("explained", "pixel_row", "pixel_column", "region"),
        *("method", "target", "cam_branch", "ig_steps", "occlusion_square", "opacity"),
        *("setup", "batch_size", "engines", "models", "baseline", "published", "comparison_section", "accuracy_cost"),
        *("run", "bench_models", "bench_kinds", "bench_batch_sizes", "bench_img_sizes", "bench_devices"),
        *("bench_engines", "bench_threads", "bench_precisions", "bench_memory_formats", "bench_compile_modes"),
        *("bench_method_min_iterations", "bench_method_min_seconds", "bench_method_max_iterations"),
        *("bench_method_max_seconds", "bench_method_interval_target", "bench_method_warmup_max_seconds"),
        *("bench_method_round_seconds", "profile_model", "profile_second", "profile_batch", "profile_size"),
        *("profile_device", "convention", "claim", "reference_batch", "reference_second", "profile_split"),
        *("ablation_view", "ablation_switches", "ablation_stage", "ablation_window_sizes", "ablation_num_heads"),
        *("ablation_mlp_ratios", "ablation_batch", "ablation_threads", "ablation_seconds", "ablation_run"),
        *("ablation_training_seeds", "ablation_training_steps", "ablation_training_curve", "ablation_picture"),
        *("prediction_section", "without", "part_block", "rank_kind"),
        *("step", "tour_side", "tour_window", "tour_blocks", "tour_task"),
    )
)

#: Within a page the address is replaced, never added to the browser's history: one step back is one page. Streamlit
#: adds every change, and has no setting for it.
REPLACE_WITHIN_A_PAGE = """
<script>
if (!window.hrformerReplaces) {
  window.hrformerReplaces = true;
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) =>
    new URL(url, location.href).pathname === location.pathname
      ? history.replaceState(state, title, url)
      : push(state, title, url);
}
</script>
"""

Query = Mapping[str, Sequence[str]]


@dataclass
class Address:
    """What a browser tab was given, what its link still has to say, and what the page's address is to be.

    Attributes:
        given: Every query string that was written into this tab's address, with the number of the last run that did.
        runs: Number of the run that goes on.
        opened: Every query string that was read as a link.
        sent: What the browser sent with this run.
        page: Path of the page that runs.
        link: What the newest link says and nobody has taken yet.
        kept: What the running page's address is to say.
        complaints: What of the newest link was left out, and why.
    """

    given: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    opened: set[str] = field(default_factory=set)
    sent: str = ""
    page: str = ""
    link: dict[str, list[str]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    complaints: dict[str, None] = field(default_factory=dict)

    def arrive(self, page: str, query: Query) -> None:
        """Take over what the browser sends with a run of a page; what no page has taken of a link yet stays."""
        self.runs += 1
        if page != self.page:
            self.complaints = {}
        self.page, self.kept = page, {}
        self.sent = _text(query)
        if query and self.sent not in self.given and self.sent not in self.opened:
            self.opened.add(self.sent)
            self.link = {key: list(values) for key, values in query.items() if key != _TOKEN}
            self.complaints = {}

    def leave(self, known: Collection[str]) -> Query | None:
        """End a run: say which keys of the link mean nothing, and give what the address is to say.

        A session's first run leaves the address as it was opened: the browser may not have learned yet to replace it.
        """
        unknown = [key for key in self.link if key not in known]
        if unknown:
            self.complaints[f"The link's {listed(unknown)} means nothing here and was left out."] = None
            self.link = {key: values for key, values in self.link.items() if key not in unknown}
        query = self.kept if self.runs > 1 else None
        self.given[self.sent if query is None else _text(query)] = self.runs
        return query


def arrive(page: str) -> None:
    """Read the address that the browser sends, before a page runs."""
    _address().arrive(page, _sent())


def run_number() -> int:
    """Number of the session's run that goes on."""
    return _address().runs


def received_run() -> int:
    """Number of the newest run whose address the browser had when it sent what this run is about; 0 if unknown."""
    return _address().given.get(_text(_sent()), 0)


def leave() -> None:
    """Write the page's address, after it has run."""
    query = _address().leave(LINK_KEYS)
    if query is not None:
        st.query_params.from_dict(query)


def says(key: str) -> str | None:
    """What a newly read link says of a key that nobody has taken yet."""
    values = says_all(key)
    return values[-1] if values else None


def says_all(key: str) -> list[str]:
    """All that a newly read link says of a key that may stand there several times, and nobody has taken yet."""
    return _address().link.get(key, [])


def take(key: str) -> str | None:
    """What a newly read link says of a key; told once."""
    values = take_all(key)
    return values[-1] if values else None


def take_all(key: str) -> list[str]:
    """All that a newly read link says of a key that may stand there several times; told once."""
    return _address().link.pop(key, [])


def keep(key: str, *values: str) -> None:
    """Let the page's address say this of a key."""
    _address().kept[key] = list(values)


def linked(query: Mapping[str, str]) -> dict[str, str]:
    """The query of a link within the app that is read whenever it is used."""
    return {**query, _TOKEN: secrets.token_hex(4)}


def complain(sentence: str) -> None:
    """Say what of the link was left out, and why."""
    _address().complaints[sentence] = None


def complaints() -> tuple[str, ...]:
    """What of the newest link was left out, until the user moves something."""
    return tuple(_address().complaints)


def forget_complaints() -> None:
    """The user has seen them and goes on."""
    _address().complaints.clear()


def _address() -> Address:
    return cast("Address", st.session_state.setdefault(_ADDRESS, Address()))


def _sent() -> dict[str, list[str]]:
    return {key: st.query_params.get_all(key) for key in st.query_params}


def _text(query: Query) -> str:
    """The same for all ways to write a query."""
    return urlencode(sorted(query.items()), doseq=True)
