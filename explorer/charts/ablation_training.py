"""Curves of the ablation's trainings, mean and band over seeds, and differences of arms with their intervals."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer.charts.theme import HRFORMER_COLOUR, NEUTRAL_COLOUR, style

#: Arm to name in the legend, colour, the same colour for the band, and dash.
_LINES = {
    "3x3": ("3x3 depth-wise (solid)", HRFORMER_COLOUR, "solid"),
    "none": ("none (dashed)", "#56B4E9", "dash"),
    "1x1": ("1x1 control (dotted)", NEUTRAL_COLOUR, "dot"),
}
_BAND_OPACITY = 0.18


def training_curves(curves: pd.DataFrame, column: str, name: str, title: str) -> go.Figure:
    """One line per arm, the mean over seeds, in a band from the lowest to the highest seed.

    Args:
        curves: One row per look at the validation pictures: arm, seed, step and `column`.
        column: What is drawn, a share from 0 to 1, or the loss.
        name: How it is called, with its unit.
        title: What the figure says.
    """
    figure = go.Figure()
    for arm, (label, colour, dash) in _LINES.items():
        of_arm = curves[curves["arm"] == arm]
        if of_arm.empty:
            continue
        steps = of_arm.groupby("step")[column].agg(["mean", "min", "max", "count"]).reset_index()
        if steps["count"].max() > 1:
            figure.add_scatter(
                x=[*steps["step"], *steps["step"][::-1]],
                y=[*steps["max"], *steps["min"][::-1]],
                fill="toself",
                fillcolor=colour,
                opacity=_BAND_OPACITY,
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                legendgroup=arm,
            )
        figure.add_scatter(
            x=steps["step"],
            y=steps["mean"],
            mode="lines",
            name=label,
            legendgroup=arm,
            line={"color": colour, "dash": dash, "width": 2.5},
            customdata=steps[["min", "max", "count"]],
            hovertemplate=(
                f"{label}: {name} %{{y:.3f}} after %{{x}} steps, from %{{customdata[0]:.3f}} to "
                "%{customdata[1]:.3f} (seeds: %{customdata[2]})<extra></extra>"
            ),
        )
    return style(
        figure,
        title,
        height=340,
        xaxis={"title": {"text": "Steps"}},
        yaxis={"title": {"text": name}, "rangemode": "tozero"},
    )


def difference_intervals(differences: pd.DataFrame, title: str) -> go.Figure:
    """One row per difference: a point for each seed, the mean, its interval, and a line at zero.

    Args:
        differences: Rows from top to bottom: label, mean, low and high (missing with one seed), values_ (a list).
        title: What the figure says.
    """
    figure = go.Figure()
    points = differences[["label", "values_"]].explode("values_")
    figure.add_scatter(
        x=points["values_"],
        y=points["label"],
        mode="markers",
        name="one seed (hollow)",
        marker={"symbol": "circle-open", "size": 9, "color": NEUTRAL_COLOUR, "line": {"width": 2}},
        hovertemplate="%{y}: one seed, %{x:+.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=differences["mean"],
        y=differences["label"],
        mode="markers",
        name="mean with 95 % interval (filled)",
        marker={"size": 11, "color": HRFORMER_COLOUR},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": differences["high"] - differences["mean"],
            "arrayminus": differences["mean"] - differences["low"],
            "thickness": 2,
            "color": HRFORMER_COLOUR,
        },
        hovertemplate="%{y}: mean %{x:+.3f}<extra></extra>",
    )
    figure.add_vline(x=0, line={"color": NEUTRAL_COLOUR, "dash": "dot"})
    return style(
        figure,
        title,
        height=190 + 34 * len(differences),
        xaxis={"title": {"text": "Difference of test scores (shares, 0 to 1)"}, "zeroline": False},
        yaxis={"autorange": "reversed", "automargin": True},
        legend={"orientation": "h", "yanchor": "top", "y": -0.18, "x": 0},
    )
