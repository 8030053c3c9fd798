"""Streamlit state, controls and panels that the pages share."""
