"""A seed alone decides the weights, however many models are built at once."""

from concurrent.futures import ThreadPoolExecutor

import torch

from explorer.models.weights import random_model
from tests.variants import tiny

SMALL = tiny()


def test_models_built_at_once_have_the_weights_of_their_seed() -> None:
    seeds = [0, 1, 2, 3]
    alone = [random_model(SMALL, seed).state_dict() for seed in seeds]
    with ThreadPoolExecutor(len(seeds)) as pool:
        at_once = [model.state_dict() for model in pool.map(lambda seed: random_model(SMALL, seed), seeds)]
    for one, other in zip(alone, at_once, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_building_leaves_the_generator_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    random_model(SMALL, 1)
    torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)
