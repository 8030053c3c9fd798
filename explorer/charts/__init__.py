"""Plotly figures from numpy and pandas values; no torch, no streamlit."""
