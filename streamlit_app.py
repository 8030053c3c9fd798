"""HRFormer Explorer: `streamlit run streamlit_app.py`."""

import sys

import streamlit as st

from explorer.ui.frame import ICON, PRODUCT, framed

# Torch gives the interpreter lock up in operators and, while another session's Python runs, may wait 5 ms for it by
# default. Under load sliders were faster with less, in the one pair of runs of docs/reliability.md.
sys.setswitchinterval(0.0005)
# Wide enough for four steppers beside each other: Streamlit leaves their buttons out below 105 pixels.
st.set_page_config(page_title=PRODUCT, page_icon=str(ICON), layout="wide", initial_sidebar_state=492)

page = st.navigation(
    {
        "": [
            st.Page("pages/explore/architecture.py", title="Build", icon=":material/schema:", default=True),
            st.Page("pages/measure/claims.py", title="Paper claims", icon=":material/gavel:"),
        ],
        "See": [
            st.Page("pages/explore/tour.py", title="Guided tour", icon=":material/tour:"),
            st.Page("pages/explore/prediction.py", title="Prediction", icon=":material/image_search:"),
            st.Page("pages/explore/feature_maps.py", title="Feature maps", icon=":material/layers:"),
            st.Page("pages/explore/attention_windows.py", title="Attention windows", icon=":material/grid_on:"),
            st.Page("pages/explore/receptive_field.py", title="Receptive field", icon=":material/filter_center_focus:"),
            st.Page("pages/explore/fusion.py", title="Fusion", icon=":material/merge:"),
            st.Page("pages/explore/attribution.py", title="Attribution", icon=":material/center_focus_strong:"),
        ],
        "Measure": [
            st.Page("pages/measure/benchmark.py", title="Benchmark", icon=":material/speed:"),
            st.Page("pages/measure/comparison.py", title="Comparison", icon=":material/compare_arrows:"),
            st.Page("pages/measure/ablation.py", title="Ablation", icon=":material/toggle_off:"),
            st.Page("pages/measure/time.py", title="Where the time goes", icon=":material/timer:"),
        ],
    },
    position="top",
)
with framed(page):
    page.run()
