"""The same picture under every mask: digits have their colour and value, background shows the picture."""

import numpy as np

from explorer.charts.ablation_predictions import DIGIT_COLOURS, prediction_row


def test_masks_lie_over_the_picture_and_background_leaves_it_free() -> None:
    image = np.full((8, 6, 3), 90, np.uint8)
    classes = np.zeros((8, 6), np.uint8)
    classes[2, 3], classes[5, 1] = 1, 10  # the digits 0 and 9
    figure = prediction_row(
        image, {"with · mIoU 0.50": classes, "without · mIoU 0.25": np.zeros_like(classes)}, "Title"
    )
    pictures = [trace for trace in figure.data if trace.type == "image"]
    first, second = (trace for trace in figure.data if trace.type == "heatmap")
    assert [trace.xaxis for trace in pictures] == [first.xaxis, second.xaxis]
    assert pictures[0].source == pictures[1].source
    assert (first.z[2][3], first.z[5][1]) == (0, 9)
    assert np.isnan(np.asarray(first.z)).sum() == classes.size - 2
    assert np.isnan(np.asarray(second.z)).all()
    assert first.hoverongaps is False


def test_each_digit_has_one_colour_of_its_own_in_the_scale_and_in_the_legend() -> None:
    figure = prediction_row(np.zeros((4, 4, 3), np.uint8), {"with": np.ones((4, 4), np.uint8)}, "Title")
    legend = {trace.name: trace.marker.color for trace in figure.data if trace.type == "scatter"}
    assert legend == {str(digit): colour for digit, colour in enumerate(DIGIT_COLOURS)}
    assert len(set(DIGIT_COLOURS)) == 10
    heatmap = next(trace for trace in figure.data if trace.type == "heatmap")
    for digit, colour in enumerate(DIGIT_COLOURS):
        share = (digit - heatmap.zmin) / (heatmap.zmax - heatmap.zmin)
        low, high = [stop for stop in heatmap.colorscale if stop[1] == colour]
        assert low[0] < share < high[0]
