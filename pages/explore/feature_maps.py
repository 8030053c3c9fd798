"""Feature maps: what a photograph becomes in every branch, before and after the branches are fused."""

import streamlit as st

from explorer.charts.theme import branch_name
from explorer.ui import choices
from explorer.ui.block_controls import choose_module
from explorer.ui.feature_maps import (
    STRONGEST,
    all_finite,
    answer,
    arrays,
    channel_view,
    components_view,
    map_statistics,
    mean_view,
    module_maps,
    panels_of,
    strongest_panels,
)
from explorer.ui.finite import stop_at_non_finite
from explorer.ui.frame import end_page
from explorer.ui.map_rows import show_maps
from explorer.ui.network import network_to_look_into
from explorer.ui.panels import csv_button, image_format_control, npz_button
from explorer.ui.sources import picture_source, random_weights_banner, weights_source
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.title("Feature maps")
st.caption("A picture in every branch, before and after fusion")
config = network_to_look_into()
stage, module = choose_module(config)
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
show_rejection()
if weights is None:
    end_page()
random_weights_banner(weights)

x, key = picture.as_input(config), (weights.key, picture.key)
try:
    maps = module_maps(weights.model, x, key, stage, module)
except ValueError as error:
    st.error(str(error), icon=":material/error:")
    end_page()
if not all_finite(maps):
    stop_at_non_finite(weights.model, x, key)

st.markdown(answer(maps))
view = choices.segments(
    "View",
    ("Channel mean", "Strongest channels", "One channel", "Principal components"),
    key="view",
    help="Principal components: the first three, as red, green and blue, each stretched from its 1st to its 99th "
    "percentile.",
)
channel = 0
if view == "One channel":
    most = max(feature_map.shape[0] for feature_map in maps.before)
    channel = choices.number(st.number_input, "Channel", 0, most - 1, key="channel", default=0, width=140)

moments = {"before": maps.before, "after": maps.after}
captions = {"before": "before the fusion", "after": "after the fusion"}
where = f"stage {stage}, module {module + 1}"
for moment, shown in moments.items():
    if view == "Strongest channels":
        st.markdown(f"**{where.capitalize()}, {captions[moment]}: the {STRONGEST} strongest channels of each branch**")
        for branch, feature_map in enumerate(shown):
            show_maps(
                strongest_panels(feature_map, branch, picture.fitted),
                config.img_size,
                f"{branch_name(branch)} · {' x '.join(map(str, feature_map.shape))}",
                f"{moment}_strongest_{branch}",
                signed=bool(feature_map.min() < 0),
                alt=f"Strongest channels of the {branch_name(branch)} {captions[moment]}",
            )
        continue
    views = {
        "Channel mean": mean_view,
        "One channel": channel_view(channel),
        "Principal components": components_view,
    }
    panels = panels_of(shown, picture.fitted, views[view])
    signed = any(panel.values.ndim == 2 and panel.values.min() < 0 for panel in panels)
    what = f"channel {channel} (from 0), or a branch's last" if view == "One channel" else view.lower()
    show_maps(
        panels,
        config.img_size,
        f"{where.capitalize()}, {captions[moment]}: {what}",
        f"{moment}_{view.lower().replace(' ', '_')}",
        signed=signed,
        alt=f"{view} of every branch {captions[moment]}",
    )

st.caption(
    f"{picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, {weights.name}. Drag in one map to zoom all."
)
with st.container(horizontal=True):
    npz_button(lambda: arrays(maps), f"maps_stage{stage}_module{module + 1}", "All maps as NumPy arrays")
    statistics = map_statistics(maps)
    csv_button(statistics, "map_statistics", "Statistics as CSV")
if choices.toggle("Statistics of every map", key="show_statistics", link=None):
    st.dataframe(statistics, hide_index=True, alt="Shape and range of every map")
