"""Feature maps: what a photograph becomes in every branch, before and after the branches are fused."""

import streamlit as st

from explorer.charts.theme import branch_name
from explorer.ui import choices
from explorer.ui.explore.beside import choose_beside, name_of_network
from explorer.ui.explore.block_controls import choose_module
from explorer.ui.explore.feature_maps import (
    STRONGEST,
    all_finite,
    answer,
    channel_view,
    components_view,
    mean_view,
    module_maps,
)
from explorer.ui.explore.maps_beside import (
    MapsOf,
    maps_beside,
    maps_button,
    show_map_rows,
    statistics_of,
)
from explorer.ui.explore.prediction_strip import show_prediction_strip
from explorer.ui.explore.sight import begin_page, choose_sight
from explorer.ui.panels import csv_button, plain, verbatim

config = begin_page("Feature maps", "A picture in every branch, before and after fusion")
other = choose_beside(config)
stage, module = choose_module(config)
sight = choose_sight(config)
where = f"stage {stage}, module {module + 1}"
maps = sight.look(module_maps, all_finite, stage, module)

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

networks = [MapsOf(name_of_network(config), config, where, sight.picture, sight.weights.name, maps)]
if other is not None and (beside := maps_beside(other, config, sight.picture, stage, module)) is not None:
    networks.append(beside)
for moment, caption in (("before", "before the fusion"), ("after", "after the fusion")):
    if view == "Strongest channels":
        for branch in range(len(networks[0].at(moment))):
            show_map_rows(
                networks,
                [network.strongest(moment, branch) for network in networks],
                f"{caption}: the {STRONGEST} strongest channels of the {branch_name(branch)}",
                f"{moment}_strongest_{branch}",
                alt=f"Strongest channels of the {branch_name(branch)} {caption}",
            )
        continue
    views = {
        "Channel mean": mean_view,
        "One channel": channel_view(channel),
        "Principal components": components_view,
    }
    what = f"channel {channel} (from 0), or a branch's last" if view == "One channel" else view.lower()
    show_map_rows(
        networks,
        [network.rows(moment, views[view]) for network in networks],
        f"{caption}: {what}",
        f"{moment}_{view.lower().replace(' ', '_')}",
        alt=f"{view} of every branch {caption}",
    )

for network in networks:
    height, width = network.config.img_size
    st.caption(
        f"{verbatim(network.name)}: {plain(network.picture.name)} at {height}x{width} pixels, "
        f"{verbatim(network.weights_name)}. Drag in one map to zoom all."
    )
statistics = statistics_of(networks)
with st.container(horizontal=True):
    for network in networks:
        maps_button(network)
    csv_button(statistics, "map_statistics", "Statistics as CSV")
if choices.toggle("Statistics of every map", key="show_statistics", link=None):
    st.dataframe(statistics, hide_index=True, alt="Shape and range of every map")
show_prediction_strip(sight)
