"""Models by their names: what they are told, what they are built as, what is refused."""

from dataclasses import replace

import pytest
import torch

from explorer.models.catalogue import NETWORKS
from explorer.models.model_ref import ModelRef, all_names, build_model, is_model_name, model_by_name, variant
from hrformer import preset
from tests.explorer.models.examples import TINY


@pytest.mark.parametrize("name", [network.name for network in NETWORKS])
def test_every_network_of_the_catalogue_exists(name):
    assert is_model_name(name)
    assert model_by_name(name).default_img_size in {(224, 224), (256, 192), (512, 512)}


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("hrnet_w19", "hrnet_w18"), ("deit_tiny", "deit_tiny_patch16_224"), ("hrformer_smal", "hrformer_small"), ("", "")],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, nearest):
    with pytest.raises(ValueError, match=f"There is no model called '{name}': use .*{nearest}"):
        model_by_name(name)


def test_a_variant_is_called_by_its_preset_or_its_id():
    assert variant(preset("small", img_size=(320, 320))).name == "hrformer_small"
    assert variant(TINY).name == f"hrformer_{TINY.config_id}"


@pytest.mark.parametrize(
    "ref", [variant(TINY), model_by_name("hrnet_w18"), model_by_name("hrnet_w18", pretrained=True)]
)
def test_refs_survive_a_round_trip(ref):
    assert ModelRef.from_dict(ref.to_dict()) == ref


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"name": "hrnet_w18", "weights": "x"}, "A model is a name, or a mapping"),
        ({"config": TINY.to_dict()}, "A model is a name, or a mapping"),
        ({"name": "mine", "config": {"task": "pose"}}, "Missing key"),
        ({"name": "hrformer_tiny", "pretrained": True}, "has no weights to fetch"),
    ],
)
def test_a_wrong_mapping_is_refused(values, complaint):
    with pytest.raises(ValueError, match=complaint):
        ModelRef.from_dict(values)


def test_a_variant_is_built_for_the_size_asked_for():
    model = build_model(variant(TINY), (96, 64))
    assert model.config == replace(TINY, img_size=(96, 64))
    assert not model.training
    assert model(torch.zeros(2, 3, 96, 64)).shape == (2, 10)


def test_the_settings_of_a_variant_carry_its_own_id():
    assert variant(TINY).settings((96, 64)) == replace(TINY, img_size=(96, 64)).to_dict()


def test_timm_transformers_are_told_the_size_and_convolutional_networks_are_not():
    assert model_by_name("deit_tiny_patch16_224").settings((256, 256))["img_size"] == (256, 256)
    assert "img_size" not in model_by_name("deit_tiny_patch16_224").settings((224, 224))
    assert "img_size" not in model_by_name("hrnet_w18").settings((256, 192))


@pytest.mark.parametrize("name", ["deit_tiny_patch16_224", "resnet18"])
def test_timm_models_run_at_another_size(name):
    model = build_model(model_by_name(name), (64, 96))
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 1000)


def test_pretrained_is_timms_own(monkeypatch):
    asked = {}
    monkeypatch.setattr("timm.create_model", lambda name, **options: asked.update(options) or torch.nn.Identity())
    build_model(model_by_name("resnet18", pretrained=True), (224, 224))
    assert asked == {"pretrained": True}


def test_the_catalogue_is_offered_first_and_each_name_once():
    names = all_names()
    assert names[: len(NETWORKS)] == tuple(network.name for network in NETWORKS)
    assert len(set(names)) == len(names) > 1000
