"""Feature maps: what a photograph becomes in every branch, before and after the branches are fused."""

import streamlit as st

from explorer.charts.maps import map_row
from explorer.charts.theme import branch_name
from explorer.ui.block_controls import choose_module
from explorer.ui.feature_maps import (
    STRONGEST,
    all_finite,
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
from explorer.ui.network import network_to_look_into
from explorer.ui.panels import csv_button, image_format_control, npz_button, show_chart
from explorer.ui.sources import picture_source, weights_source
from explorer.ui.variant import current_variant, show_rejection

current_variant()
st.markdown("### Feature maps: a picture in every branch, before and after fusion")
config = network_to_look_into()
stage, module = choose_module(config)
picture = picture_source(config)
weights = weights_source(config)
image_format_control()
show_rejection()
if weights is None:
    end_page()

x, key = picture.as_input(config), (weights.key, picture.key)
try:
    maps = module_maps(weights.model, x, key, stage, module)
except ValueError as error:
    st.error(str(error), icon=":material/error:")
    end_page()
if not all_finite(maps):
    stop_at_non_finite(weights.model, x, key)

with st.container(horizontal=True, vertical_alignment="bottom"):
    view = st.segmented_control(
        "View",
        ("Channel mean", "Strongest channels", "One channel", "Principal components"),
        default="Channel mean",
        required=True,
        key="view",
        bind="query-params",
        help="Principal components: the first three, as red, green and blue, each stretched from its 1st to its 99th "
        "percentile.",
    )
    channel = 0
    if view == "One channel":
        most = max(feature_map.shape[0] for feature_map in maps.before)
        channel = st.number_input("Channel", 0, most - 1, key="channel", width=140)

moments = {"before": maps.before, "after": maps.after}
captions = {"before": "before the fusion", "after": "after the fusion"}
where = f"stage {stage}, module {module + 1}"
for moment, shown in moments.items():
    if view == "Strongest channels":
        st.markdown(f"**{where.capitalize()}, {captions[moment]}: the {STRONGEST} strongest channels of each branch**")
        for branch, feature_map in enumerate(shown):
            show_chart(
                map_row(
                    strongest_panels(feature_map, branch, picture.fitted),
                    config.img_size,
                    f"{branch_name(branch)} · {' x '.join(map(str, feature_map.shape))}",
                    signed=bool(feature_map.min() < 0),
                ),
                f"{moment}_strongest_{branch}",
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
    show_chart(
        map_row(panels, config.img_size, f"{where.capitalize()}, {captions[moment]}: {what}", signed=signed),
        f"{moment}_{view.lower().replace(' ', '_')}",
        alt=f"{view} of every branch {captions[moment]}",
    )

st.caption(
    f"{picture.name} at {config.img_size[0]}x{config.img_size[1]} pixels, {weights.name}. Drag in one map to zoom all."
)
with st.container(horizontal=True):
    npz_button(lambda: arrays(maps), f"maps_stage{stage}_module{module + 1}", "All maps as NumPy arrays")
    statistics = map_statistics(maps)
    csv_button(statistics, "map_statistics", "Statistics as CSV")
if st.toggle("Statistics of every map", key="show_statistics"):
    st.dataframe(statistics, hide_index=True, alt="Shape and range of every map")
