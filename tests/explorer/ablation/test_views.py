"""What arms see, against the functions for one model, and what they share."""

import pytest
import torch

from explorer.ablation.arms import Axes, arms_of
from explorer.ablation.switches import SWITCHES, switch_named
from explorer.ablation.views import look_at, position_in, twin_of
from explorer.cost import capacity
from explorer.inspection.receptive_field import theoretical_field
from explorer.models.weights import random_model
from tests.explorer.ablation.examples import TINY, tiny

IMAGE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_every_switch_changes_what_it_must() -> None:
    arms = arms_of(TINY, SWITCHES)
    told: list[tuple[int, int]] = []
    model, position = random_model(TINY, 0), position_in(TINY, 2)
    views = look_at(arms, model, IMAGE, position, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(n, len(arms)) for n in range(1, len(arms) + 1)]
    by_key = {arm.switch.key if arm.switch else "": views[arm.config] for arm in arms}
    full = by_key[""]
    assert full.leak_share is not None
    assert full.leak_share > 0
    for key in ("dw_conv", "dw_1x1"):
        assert by_key[key].leak_share == by_key[key].reached_windows == 0
        assert by_key[key].field_share < full.field_share
    assert by_key["fusion"].leak_share == full.leak_share  # the blocks before the fusion are the same
    assert by_key["windows"].leak_share is by_key["windows"].reached_windows is None  # one window leaks nowhere
    assert by_key["windows"].field_share == 1
    for arm in arms:
        view = views[arm.config]
        assert view.field_side_px == max(theoretical_field(arm.config, position_in(TINY, 2)).sides_px)
        assert view.effective_side_px is not None
        one_window = bool(arm.switch) and arm.switch.key == "windows"
        assert view.note == ("There is one window only: nothing can leak from it." if one_window else "")


def test_a_twin_shares_every_weight_that_fits_and_the_centre_of_kernels() -> None:
    model = random_model(TINY, 0)
    twin = twin_of(model, switch_named("dw_1x1").take_out(TINY))
    own, theirs = model.state_dict(), twin.state_dict()
    assert own.keys() == theirs.keys()
    for key, value in theirs.items():
        expected = own[key][:, :, 1:2, 1:2] if key.endswith("dw3x3.weight") else own[key]
        torch.testing.assert_close(value, expected, rtol=0, atol=0)
    assert twin_of(model, TINY) is model


def test_what_does_not_fit_keeps_its_theoretical_field_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    arms = arms_of(TINY, [switch_named("dw_conv")], Axes())
    model = random_model(TINY, 0)
    monkeypatch.setattr(capacity, "USABLE_SHARE", 0.0)
    views = look_at(arms, model, IMAGE, position_in(TINY, 3))
    without = views[arms[1].config]
    assert " free, so it is costed but not built" in without.note
    assert without.field_share > 0
    assert without.effective_side_px is None
    assert views[TINY].note == ""


def test_stopping_keeps_what_is_done() -> None:
    arms = arms_of(TINY, SWITCHES)
    views = look_at(arms, random_model(TINY, 0), IMAGE, position_in(TINY, 2), should_stop=lambda: True)
    assert list(views) == [TINY]


@pytest.mark.parametrize("stage", [0, 1, 5])
def test_only_stages_with_windows_can_be_looked_at(stage: int) -> None:
    with pytest.raises(ValueError, match="use 2 to 4"):
        position_in(tiny(), stage)
