"""What a segmentation says of each pixel, against cases computed by hand."""

import numpy as np
import pytest
import torch

from explorer.prediction.segmentation import Segmentation, segment
from hrformer import create_model
from tests.variants import tiny


def test_classes_confidence_and_shares_by_hand() -> None:
    """Two pixels, three classes; exp(log 3) is 3."""
    logits = np.log(np.array([[[1.0, 6.0]], [[2.0, 3.0]], [[1.0, 1.0]]], np.float32))
    seen = Segmentation(logits)
    assert seen.classes.tolist() == [[1, 0]]
    np.testing.assert_allclose(seen.confidence, [[0.5, 0.6]], rtol=1e-6)
    np.testing.assert_allclose(seen.probabilities_at(0, 1), [0.6, 0.3, 0.1], rtol=1e-6)
    np.testing.assert_allclose(seen.shares, [0.5, 0.5, 0.0])


def test_the_logits_are_the_networks() -> None:
    model = create_model(tiny("segmentation")).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)[0]
    seen = segment(model, x)
    torch.testing.assert_close(torch.from_numpy(seen.logits), expected)
    np.testing.assert_array_equal(seen.classes, expected.argmax(0))
    np.testing.assert_allclose(seen.confidence, expected.softmax(0).amax(0), rtol=1e-5)


def test_other_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="A pose network gives pixels no classes: use a segmentation variant"):
        segment(create_model(tiny("pose")).eval(), torch.zeros(1, 3, 64, 64))
