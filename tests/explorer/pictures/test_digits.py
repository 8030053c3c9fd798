"""The digits' task: splits that share nothing, the same pictures for the same seed, labels that lie on the ink."""

from hashlib import sha256

import numpy as np
import pytest

from explorer.pictures.digits import (
    SPLITS,
    Split,
    batch_at,
    digits_of,
    make_canvases,
    photographs_of,
)


def test_no_digit_is_in_two_splits_and_all_are_in_one() -> None:
    digits = {split: {digit.tobytes() + bytes(digit.shape) for digit in digits_of(split)[0]} for split in SPLITS}
    assert sum(len(digits_of(split)[0]) for split in SPLITS) == 5000
    assert not digits["train"] & digits["validation"]
    assert not digits["train"] & digits["test"]
    assert not digits["validation"] & digits["test"]


def test_every_split_has_every_digit_in_equal_number() -> None:
    for split, count in (("train", 350), ("validation", 50), ("test", 100)):
        assert np.bincount(digits_of(split)[1]).tolist() == [count] * 10


def test_the_splits_pieces_of_a_photograph_are_side_by_side_and_do_not_overlap() -> None:
    from skimage.data import coffee

    pieces = [photographs_of(split)["coffee"] for split in SPLITS]
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), coffee())


def test_a_seed_gives_the_same_pictures_and_another_gives_others() -> None:
    first, again, other = (make_canvases("test", 3, 64, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert (first.images != other.images).any()


def test_digits_are_bright_dense_and_of_several_sizes() -> None:
    canvases = make_canvases("train", 60, 112)
    inked = canvases.labels > 0
    assert 0.15 < inked.mean() < 0.35
    brightness = canvases.images.mean(-1)
    assert brightness[inked].mean() > brightness[~inked].mean() + 80
    assert set(np.unique(canvases.labels)) == set(range(11))


def test_each_canvas_comes_once_before_any_comes_again() -> None:
    canvases = make_canvases("train", 12, 32)
    canvases.images[:] = np.arange(12, dtype=np.uint8)[:, None, None, None]  # each canvas its own brightness
    for epoch in (0, 1):
        seen = [batch_at(canvases, 32, 4, 3 * epoch + step, seed=5)[0][:, 0, 0, 0] for step in range(3)]
        assert len({round(float(value), 4) for batch in seen for value in batch}) == 12


def test_crops_and_labels_are_cut_from_the_same_place() -> None:
    canvases = make_canvases("train", 4, 64)
    canvases.images[:] = (canvases.labels * 20)[..., None]
    images, labels = batch_at(canvases, 48, 4, 0, seed=0)
    red = images[:, 0] * 0.229 + 0.485  # ImageNet's statistics of red
    np.testing.assert_allclose(red.numpy() * 255, labels.numpy() * 20, atol=1e-3)


@pytest.mark.parametrize(("split", "count"), [("holdout", 1), ("train", 0)])
def test_what_cannot_be_made_is_refused(split: str, count: int) -> None:
    with pytest.raises(ValueError, match="use"):
        make_canvases(split, count, 64)


@pytest.mark.parametrize(
    ("arguments", "digest"),
    [
        (("train", 3, 144, 0), "4aa18f826286ae2f"),
        (("validation", 2, 112, 0), "907ef856e0ed5531"),
        (("test", 4, 112, 0), "d947ee96111e4891"),
        (("test", 2, 64, 5), "c69c0c04e66c6f21"),
    ],
)
def test_pictures_are_those_that_the_shipped_weights_were_trained_on(
    arguments: tuple[Split, int, int, int], digest: str
) -> None:
    canvases = make_canvases(*arguments)
    assert sha256(canvases.images.tobytes() + canvases.labels.tobytes()).hexdigest()[:16] == digest


def test_every_pixel_of_a_digit_lies_in_one_box_of_its_value_and_every_box_holds_a_digit() -> None:
    canvases = make_canvases("test", 30, 112)
    for labels, boxes in zip(canvases.labels, canvases.boxes, strict=True):
        told = np.zeros_like(labels)
        for box in boxes:
            inside = slice(max(box.top, 0), box.top + box.height), slice(max(box.left, 0), box.left + box.width)
            assert (told[inside] == 0).all()  # no two overlap
            told[inside] = box.value + 1
            assert (labels[inside] == box.value + 1).any()
        inked = labels > 0
        np.testing.assert_array_equal(labels[inked], told[inked])
