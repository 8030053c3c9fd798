"""The weights that ship: they load, are small, know their task and use every branch; their pictures are unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from explorer.ablation.lessons import score_points
from explorer.ablation.scores import evaluate
from explorer.ablation.weights import SHIPPED, write_weights
from explorer.models.trained import (
    DIGIT_SAMPLES,
    POINTER,
    SEGMENTER,
    TRAINED_NETWORKS,
    TrainedNetwork,
    fits_trained_weights,
    load_digit_sample,
    load_trained,
    trained_config,
    trained_network,
)
from explorer.pictures.digits import make_canvases, normalise
from hrformer import HRFormer, create_model, load_checkpoint, preset

_PICTURES = 100
_PICTURES_A_BRANCH = 40


@pytest.fixture(scope="module")
def model() -> HRFormer:
    return load_trained()


def test_they_reach_the_stated_miou_on_test_pictures_and_every_branch_takes_part(model: HRFormer) -> None:
    canvases = make_canvases("test", _PICTURES, trained_config().img_size[0])
    images = normalise(canvases.images)
    whole = evaluate(model, images, canvases.labels)
    assert whole.miou == pytest.approx(SEGMENTER.score, abs=0.02)  # a quarter of the 400 pictures of the statement
    few, few_labels = images[:_PICTURES_A_BRANCH], canvases.labels[:_PICTURES_A_BRANCH]
    reached = evaluate(model, few, few_labels).miou
    assert all(evaluate(model, few, few_labels, branch).miou < reached - 0.003 for branch in range(4))


def test_the_pointer_reaches_the_stated_f1_on_test_pictures() -> None:
    scores = score_points(POINTER.load(), make_canvases("test", _PICTURES, POINTER.config.img_size[0]))
    assert scores.f1 == pytest.approx(POINTER.score, abs=0.02)


def test_no_channel_of_the_last_maps_is_dead(model: HRFormer) -> None:
    images = normalise(make_canvases("test", 24, trained_config().img_size[0]).images)
    with torch.inference_mode():
        maps = model.forward_features(images)
    for feature_map in maps:
        assert (feature_map.amax((0, 2, 3)) > 0).float().mean() > 0.9


@pytest.mark.parametrize("network", TRAINED_NETWORKS, ids=lambda network: network.key)
def test_each_file_is_below_two_megabytes_and_any_loader_reads_its_variant(network: TrainedNetwork) -> None:
    assert network.path.stat().st_size < 2e6
    assert network.fits(load_checkpoint(network.path).config)
    assert len(network.class_names) == network.config.num_classes


def test_networks_have_keys_and_variants_of_their_own() -> None:
    assert len({network.key for network in TRAINED_NETWORKS}) == len(TRAINED_NETWORKS)
    for network in TRAINED_NETWORKS:
        assert trained_network(replace(network.config, img_size=(64, 96))) == network
    assert trained_network(preset("tiny")) is None


def test_what_make_weights_trains_is_what_ships() -> None:
    assert [shipped.network for shipped in SHIPPED] == list(TRAINED_NETWORKS)
    assert all(shipped.job.variant == shipped.network.config for shipped in SHIPPED)


def test_half_precision_changes_no_score(tmp_path) -> None:
    config = trained_config()
    whole = create_model(config).eval()
    path = tmp_path / "half.safetensors"
    write_weights(whole, path)
    halved = load_checkpoint(path, config).eval()
    canvases = make_canvases("test", 4, config.img_size[0])
    images = normalise(canvases.images)
    assert evaluate(halved, images, canvases.labels).miou == pytest.approx(
        evaluate(whole, images, canvases.labels).miou, abs=2e-3
    )


def test_the_weights_fit_their_variant_at_any_size_and_no_other() -> None:
    assert fits_trained_weights(replace(trained_config(), img_size=(224, 160)))
    assert not fits_trained_weights(replace(trained_config(), dw_conv=False))
    assert not fits_trained_weights(preset("tiny"))


def test_its_sample_pictures_are_of_the_test_split_and_all_different() -> None:
    samples = [load_digit_sample(name) for name in DIGIT_SAMPLES]
    assert all(sample.shape == (112, 112, 3) and sample.dtype == np.uint8 for sample in samples)
    assert len({sample.tobytes() for sample in samples}) == len(samples)
    with pytest.raises(ValueError, match="There is no sample picture 'Digits 99'"):
        load_digit_sample("Digits 99")
