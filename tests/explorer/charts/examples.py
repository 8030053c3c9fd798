"""One figure of every chart, with long titles and all that it can show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from explorer.charts import (
    ablation,
    ablation_predictions,
    ablation_training,
    attention,
    attention_scaling,
    attention_windows,
    attribution,
    benchmark,
    claims,
    comparison,
    cost,
    diagram,
    diagram_overlay,
    diagram_parts,
    fusion,
    maps,
    prediction,
    receptive_field,
    time,
)
from hrformer.windows import WindowGrid

TITLE = "A title that is so long that it does not fit into one line of a chart, nor into two<br><sup>small print</sup>"
_RANDOM = np.random.default_rng(0)
_PICTURE = _RANDOM.integers(0, 255, (40, 48, 3), dtype=np.uint8)
_HEADS = _RANDOM.random((4, 7, 7))
_PADDED = np.zeros((7, 7), bool)
_FIELDS = [receptive_field.FieldPanel(name, _RANDOM.random((40, 48)), 9) for name in ("with", "without")]
_PART = diagram.DiagramBlock("a part", 0.1)
_NETWORK = diagram.NetworkDiagram(
    stem=_PART,
    stage1=[_PART] * 2,
    blocks=[diagram.DiagramBlock("a block", share) for share in (0.04, 0.03, 0.02, 0.01)],
    num_modules=(1, 2, 1),
    num_blocks=(2, 2, 2),
    branch_labels=["1/4 · 56x56", "1/8 · 28x28", "1/16 · 14x14", "1/32 · 7x7"],
    last_targets=4,
    fuses=True,
    head=_PART,
    head_inputs=4,
    head_aggregates_down=True,
)
_COST = [cost.CostPart("stem", None, 10), cost.CostPart("stage 2", 0, 20)]
_REFERENCES = pd.DataFrame(
    {
        "model": ["HRFormer-T", "DeiT-Ti"],
        "family": ["HRFormer", "DeiT"],
        "params": [8e6, 5e6],
        "macs": [2e9, 1e9],
        "top1_percent": [78.5, 72.2],
        "source": ["a paper", "another"],
    }
)
_COMPARED = pd.DataFrame(
    {
        "series": ["measured", "published"],
        "model": ["HRFormer-B", "DeiT-B"],
        "family": ["HRFormer", "DeiT"],
        "batch_size": pd.array([1, 8], dtype="Int64"),
        "latency_ms_p50": [50.0, 20.0],
        "latency_ms_p95": [60.0, 21.0],
        "latency_ratio": [2.5, 1.0],
        "wide_spread": [True, False],
        "ran_beside": [pd.NA, "1 training"],
        "throughput_img_s": [20.0, 50.0],
        "throughput_ratio": [0.4, 1.0],
        "source": ["here", "a paper"],
        "top1_percent": [82.8, 81.8],
        "accuracy_source": ["a paper", "a paper"],
        "on_front": [True, True],
        "work_per_call_g": [13.7, 17.6],
        "intensity_per_byte": [0.1, 0.2],
        "achieved_g_s": [270.0, 800.0],
        "cost": [3.0, 2.0],
    }
)
_ARMS = pd.DataFrame(
    {
        "label": ["reference", "without DW conv", "1x1"],
        "value": [8.0, 7.9, 7.95],
        "is_reference": [True, False, False],
        "dw_conv": ["3x3", "off", "1x1"],
        "text": ["8.0 M", "7.9 M", "7.95 M"],
        "hover": ["a", "b", "c"],
        "change_percent": [0.0, -3.0, 2.0],
        "low_percent": [-1.0, -4.0, np.nan],
        "high_percent": [1.0, -2.0, np.nan],
        "difference": [0.2, -0.4, 1.0],
    }
)
_CURVES = pd.DataFrame({"arm": ["3x3"] * 4, "seed": [0, 0, 1, 1], "step": [1, 2] * 2, "score": [0.1, 0.3, 0.2, 0.4]})
_DIFFERENCES = pd.DataFrame({"label": ["3x3 - none"], "mean": [0.1], "low": [0.0], "high": [0.2], "values_": [[0.1]]})
_SCALING = pd.DataFrame(
    {
        "side_px": [64, 128],
        "positions": [256, 1024],
        "window_macs": [10, 40],
        "global_macs": [20, 320],
        "window": [1.0, 4.0],
        "global": [1.0, 16.0],
    }
)
_CLAIMS = pd.DataFrame(
    {"claim": ["one", "two"], "verdict": ["reproduced", "differs"], "ratio": [1.0, 2.0], "tolerance": [0.1, 0.1]}
)
_SIZES = pd.DataFrame(
    {"window_size": [3, 7], "field_area_px": [9, 49], "field_share": [0.1, 0.5], "macs": [10**9, 2 * 10**9]}
)
_SHARES = pd.DataFrame(
    {
        "part": ["stem", "1/4 branch"],
        "branch": [np.nan, 0],
        "time_ms": [1.0, 3.0],
        "macs": [1e6, 9e6],
        "time_share": [0.25, 0.75],
        "macs_share": [0.1, 0.9],
    }
)
_KINDS = pd.DataFrame(
    {
        "kind": ["products", "whole call"],
        "time_ms": [3.0, 4.0],
        "baseline_ms": [1.0, 2.0],
        "surplus_ms": [2.0, 2.0],
        "macs": [9e9, 9e9],
        "baseline_macs": [5e9, 5e9],
    }
)
_PANELS = [maps.Panel("picture", _PICTURE), maps.Panel("1/4 branch · 18 x 10 x 12", _RANDOM.random((10, 12)), 0)]
_LEAKS = _RANDOM.random((2, 3, 3))

#: Every function of the charts that makes a figure, called.
_CLASSES = _RANDOM.integers(0, 3, (40, 48))
_MASK = prediction.Mask(
    _CLASSES,
    _RANDOM.random((40, 48)),
    ["background", "a class", "a class with a long name"],
    [(0, 0, 0), (230, 25, 75), (60, 180, 75)],
    np.bincount(_CLASSES.ravel(), minlength=3) / _CLASSES.size,
    background=0,
)
_PERSON = prediction.Skeleton(_RANDOM.random((3, 2)) * 400, np.array([0.9, 0.5, 0.1]), (10, 20, 300, 350))
_LIMBS = prediction.Limbs(
    ["nose", "left eye", "right eye"], ["red", "green", "blue"], [((0, 1), "red"), ((0, 2), "blue")]
)

EXAMPLES: dict[Callable[..., go.Figure], go.Figure] = {
    ablation.figure_bars: ablation.figure_bars(_ARMS, TITLE, "Parameters, M"),
    ablation.ratio_intervals: ablation.ratio_intervals(_ARMS, TITLE),
    ablation.published_markers: ablation.published_markers(_ARMS, TITLE),
    ablation_training.training_curves: ablation_training.training_curves(_CURVES, "score", "mIoU", TITLE),
    ablation_training.difference_intervals: ablation_training.difference_intervals(_DIFFERENCES, TITLE),
    attention.attention_matrix: attention.attention_matrix(_RANDOM.random((49, 49)), _PADDED.ravel(), 7, TITLE),
    attention.head_windows: attention.head_windows(_HEADS, _PADDED, TITLE),
    attention.entropy_maps: attention.entropy_maps(_PICTURE, _HEADS, 5.6, TITLE),
    attention.distance_maps: attention.distance_maps(_PICTURE, _HEADS, TITLE),
    attention.bias_maps: attention.bias_maps(_HEADS, TITLE),
    attention.logit_parts: attention.logit_parts(
        _RANDOM.random((49, 49)), _RANDOM.random((49, 49)), _PADDED.ravel(), 7, TITLE
    ),
    attention_scaling.attention_cost_lines: attention_scaling.attention_cost_lines(
        _SCALING, TITLE, branch=0, window_size=7
    ),
    attention_windows.window_picture: attention_windows.window_picture(
        _PICTURE, WindowGrid(10, 12, 7), TITLE, branch=0, position=(1, 2), attention=_HEADS[0]
    ),
    attribution.attribution_overlay: attribution.attribution_overlay(
        _PICTURE, _RANDOM.random((40, 48)), TITLE, opacity=0.5, signed=True, quantity="change"
    ),
    benchmark.latency_bars: benchmark.latency_bars(_COMPARED, "DeiT-B", TITLE),
    benchmark.batch_bars: benchmark.batch_bars(_COMPARED, TITLE),
    benchmark.published_bars: benchmark.published_bars(_COMPARED, "DeiT-B", TITLE),
    claims.deviation_chart: claims.deviation_chart(_CLAIMS, TITLE),
    claims.growth_chart: claims.growth_chart(_SCALING, "ms", (1.0, 2.0), TITLE),
    comparison.throughput_lines: comparison.throughput_lines(_COMPARED, TITLE),
    comparison.accuracy_scatter: comparison.accuracy_scatter(_COMPARED, "cost", "Cost, ms", TITLE),
    comparison.work_scatter: comparison.work_scatter(_COMPARED, 900.0, "GMACs", "a card", TITLE),
    comparison.roofline_chart: comparison.roofline_chart(_COMPARED, 900.0, 80.0, "GMACs", TITLE),
    cost.cost_bars: cost.cost_bars(_COST, "MACs", TITLE),
    cost.paired_cost_bars: cost.paired_cost_bars([("this variant", _COST), ("another", _COST)], "MACs", TITLE),
    cost.reference_scatter: cost.reference_scatter(
        _REFERENCES,
        10**9,
        10**7,
        "HRFormer-T",
        "224x224",
        pinned=[cost.PlacedVariant("another", 2 * 10**9, 10**7, "224x224")],
    ),
    diagram.network_diagram: diagram.network_diagram(_NETWORK, TITLE),
    diagram_overlay.network_overlay: diagram_overlay.network_overlay(
        _NETWORK, replace(_NETWORK, num_modules=(1, 3, 1), num_blocks=(2, 1, 2)), ("this variant", "another"), TITLE
    ),
    diagram_parts.parts_diagram: diagram_parts.parts_diagram(
        _NETWORK,
        {
            "branch:0": diagram_parts.PartLook("the branch", "whole"),
            "block:2.0.1.0": diagram_parts.PartLook("a block", "inside", (0.2, -0.1)),
            "arrow:3.1.0.2": diagram_parts.PartLook("an arrow"),
        },
        TITLE,
        worths=diagram_parts.Worths("what mIoU loses without it", signed=True),
        chosen="block:2.0.1.0",
    ),
    fusion.norm_ratio_matrix: fusion.norm_ratio_matrix(_RANDOM.random((4, 4)), TITLE),
    fusion.share_matrix: fusion.share_matrix(_RANDOM.random((4, 4)) - 0.5, TITLE),
    prediction.mask_picture: prediction.mask_picture(_PICTURE, _MASK, TITLE, opacity=0.5, pixel=(3, 4), cells=(10, 12)),
    prediction.confidence_map: prediction.confidence_map(_MASK, TITLE),
    prediction.error_picture: prediction.error_picture(_PICTURE, _RANDOM.random((40, 48)) > 0.9, TITLE),
    prediction.class_bars: prediction.class_bars(["a class", "another"], [0.7, 0.3], ["red", "blue"], TITLE),
    prediction.skeleton_picture: prediction.skeleton_picture(
        _PICTURE, (400, 480), [_PERSON], _LIMBS, TITLE, least_score=0.2, chosen=(0, 1)
    ),
    maps.map_row: maps.map_row(_PANELS, (40, 48), TITLE, signed=False, mark=(0.25, 0.75)),
    receptive_field.theoretical_field_map: receptive_field.theoretical_field_map(
        _PICTURE,
        _RANDOM.random((40, 48)) > 0.5,
        (1, 2),
        TITLE,
        branch=0,
        pixels_without_dw_conv=np.ones((40, 48), bool),
    ),
    receptive_field.effective_field_maps: receptive_field.effective_field_maps(_FIELDS, (1, 2), TITLE),
    receptive_field.effective_field_difference: receptive_field.effective_field_difference(
        _FIELDS[0], _FIELDS[1], (1, 2), TITLE
    ),
    receptive_field.leak_maps: receptive_field.leak_maps({"with": _LEAKS, "without": _LEAKS}, (1, 1), TITLE),
    receptive_field.area_against_macs: receptive_field.area_against_macs(
        _SIZES, TITLE, branch=0, without_dw_conv=_SIZES, window_size=7
    ),
    time.kinds_beside: time.kinds_beside(_KINDS, ("HRFormer-B", "DeiT-B"), TITLE),
    time.share_bars: time.share_bars(_SHARES, TITLE, 0.9),
    ablation_predictions.prediction_row: ablation_predictions.prediction_row(
        _PICTURE, {"with · mIoU 0.5": np.full((40, 48), 3, np.uint8)}, TITLE
    ),
}
