"""What the arms of an ablation see: receptive fields, and what leaks between windows, on one picture for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from explorer.ablation.arms import Arm
from explorer.cost.capacity import check_capacity
from explorer.inspection.effective_field import contribution_squares, effective_field
from explorer.inspection.leak import map_entering_blocks, measure_leak, window_of
from explorer.inspection.receptive_field import MapPosition, central_position, theoretical_field
from explorer.sharing.seeding import seeded
from hrformer import HRFormer, HRFormerConfig, create_model
from hrformer.geometry import branch_sizes
from hrformer.windows import WindowGrid

#: Share of the gradient whose square tells the size of an effective field.
EFFECTIVE_SHARE = 0.5
WINDOW_STAGES = (2, 3, 4)


@dataclass(frozen=True, kw_only=True)
class View:
    """What one arm sees from one position.

    Attributes:
        field_side_px: Longer side of the theoretical field's bounding box.
        field_share: Share of the picture that the theoretical field covers, 0 to 1.
        effective_side_px: Side of the square around the position that holds half of the gradient; None without one.
        leak_share: Norm of a change found outside its window after the module's blocks, over that of the whole change,
            0 to 1; None where there is one window only.
        reached_windows: Other windows that the change reached; None where there is one window only.
        note: Why figures are missing; "" where all are there.
    """

    field_side_px: int
    field_share: float
    effective_side_px: int | None = None
    leak_share: float | None = None
    reached_windows: int | None = None
    note: str = ""


def position_in(config: HRFormerConfig, stage: int) -> MapPosition:
    """Where an ablation looks: the middle of the 1/4 map after the last module of stage 2, 3 or 4.

    Raises:
        ValueError: If it is another stage.
    """
    if stage not in WINDOW_STAGES:
        raise ValueError(f"stage = {stage} has no windows: use 2 to 4.")
    return central_position(config, stage, config.num_modules[stage - 1] - 1, 0)


def look_at(
    arms: Sequence[Arm],
    model: HRFormer,
    image: Tensor,
    position: MapPosition,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> dict[HRFormerConfig, View]:
    """Look through every arm at one picture, from one position, with the same weights as far as they fit.

    Args:
        arms: The arms.
        model: Where the weights come from, in eval mode; what it lacks is random, the same for all arms.
        image: One normalised picture (1, in_chans, H, W) of the arms' image size.
        position: In a stage with windows, 2 to 4.
        on_progress: Told (arms done, arms in all).
        should_stop: Asked between arms; those done so far are then returned.

    Returns:
        A view by the arm's configuration. What this machine cannot hold has only its theoretical field, and a note.

    Raises:
        ValueError: If the picture or the position does not fit, or the model is in training mode.
    """
    observer = _Observer(model, image, position)
    views: dict[HRFormerConfig, View] = {}
    for done, arm in enumerate(arms, start=1):
        views[arm.config] = observer.look_through(arm)
        if on_progress is not None:
            on_progress(done, len(arms))
        if should_stop is not None and should_stop():
            break
    return views


def twin_of(model: HRFormer, config: HRFormerConfig, *, seed: int = 0) -> HRFormer:
    """Another variant with the model's weights wherever name and shape fit, for inference.

    A 1x1 depth-wise kernel takes the centre of a 3x3 one. All else is random, the same for the same seed. The twin
    shares the memory of the weights that fit.

    Raises:
        ValueError: If this machine cannot hold the variant.
    """
    if config == model.config:
        return model
    check_capacity(config)
    with seeded(seed):
        twin = create_model(config).to(next(model.parameters())).eval()
    own = twin.state_dict()
    fitting = {}
    for key, value in model.state_dict().items():
        if key in own and own[key].shape == value.shape:
            fitting[key] = value
        elif key in own and key.endswith(".dw3x3.weight") and value.shape[2:] == (3, 3):
            fitting[key] = value[:, :, 1:2, 1:2].clone()
    twin.load_state_dict(fitting, strict=False, assign=True)
    return twin


class _Observer:
    """One picture, one position and one set of weights for all arms."""

    def __init__(self, model: HRFormer, image: Tensor, position: MapPosition) -> None:
        self._model = model
        self._image = image
        self._position = position
        self._entering: dict[HRFormerConfig, Tensor] = {}

    def look_through(self, arm: Arm) -> View:
        """A view, with a note where something cannot be had."""
        field = theoretical_field(arm.config, self._position)
        view = View(field_side_px=max(field.sides_px), field_share=field.area_share)
        try:
            twin = twin_of(self._model, arm.config)
            scores = effective_field(twin, self._image, self._position).contribution
            (square,) = contribution_squares(scores, self._position.pixel, (EFFECTIVE_SHARE,))
            return self._with_leak(replace(view, effective_side_px=square.side_px), arm, twin)
        except ValueError as error:
            return replace(view, note=str(error))

    def _with_leak(self, view: View, arm: Arm, twin: HRFormer) -> View:
        """Arms of one reference start from the same map; with one window only there is nowhere to leak to."""
        position = self._position
        height, width = branch_sizes(arm.config.img_size)[position.branch]
        grid = WindowGrid(height, width, arm.config.window_sizes[position.branch])
        if grid.rows * grid.columns == 1:
            return replace(view, note="There is one window only: nothing can leak from it.")
        place = {"stage": position.stage, "module": position.module, "branch": position.branch}
        if arm.reference not in self._entering:
            reference = twin_of(self._model, arm.reference)
            self._entering[arm.reference] = map_entering_blocks(reference, self._image, **place)
        window = window_of(arm.config, position)
        leak = measure_leak(twin, self._entering[arm.reference], window=window, **place)
        return replace(view, leak_share=float(leak.outside_shares[-1]), reached_windows=leak.reached_windows[-1])
