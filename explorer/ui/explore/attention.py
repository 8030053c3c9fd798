"""What the Attention windows page shows of a block's attention, as charts with their tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from torch import Tensor

from explorer.charts.attention import (
    attention_matrix,
    bias_maps,
    distance_maps,
    entropy_maps,
    head_names,
    head_windows,
    logit_parts,
    token_labels,
)
from explorer.charts.attention_colours import doublings_limit
from explorer.charts.attention_windows import window_picture
from explorer.charts.theme import branch_name
from explorer.cost.capacity import attention_mib
from explorer.inspection.attention_maps import (
    AttentionMaps,
    BlockAddress,
    attention_from,
    collect_attention_maps,
    entropy_bits,
    mean_distance_px,
    padding_share,
    select_head,
)
from explorer.pictures.photographs import Picture
from explorer.ui import choices
from explorer.ui.heavy_work import shared_pass
from explorer.ui.sources import WeightsSource
from explorer.units import significant
from hrformer import HRFormer

Values = NDArray[np.float32]
Shown = tuple[go.Figure, pd.DataFrame]

_RATIO = "ratio to even"


@dataclass(frozen=True)
class AttentionView:
    """What the page looks at: the attention of one block, one head or the heads' mean, one position.

    Attributes:
        maps: The block's attention.
        picture: (H, W, 3), as the variant sees it.
        head: From 0; None for the mean of all heads.
        position: (row, column) of the branch's map, from 0.
        as_ratio: Whether attention is drawn as its ratio to even attention, instead of as shares.
    """

    maps: AttentionMaps
    picture: Picture
    head: int | None
    position: tuple[int, int]
    as_ratio: bool

    @property
    def head_name(self) -> str:
        """What the chosen head is called."""
        return "mean of all heads" if self.head is None else f"head {self.head + 1}"

    @property
    def window(self) -> int:
        """Index of the window of the position."""
        return self.maps.locate(*self.position)[0]

    @property
    def window_padded(self) -> NDArray[np.bool_]:
        """Which tokens of that window are padding, (N,)."""
        return np.asarray(self.maps.padded[self.window])

    @property
    def per_head(self) -> Values:
        """Attention of the position over its window as it is drawn, (heads, K, K)."""
        return self.drawn(attention_from(self.maps, *self.position))

    @property
    def attention(self) -> Values:
        """The same of the chosen head, or of the heads' mean, (K, K)."""
        attention: Values = self.per_head.mean(0) if self.head is None else self.per_head[self.head]
        return attention

    def drawn(self, attention: Tensor) -> Values:
        """Shares of a position's attention, or their ratios to what each token gets of even attention."""
        return np.asarray(attention) * np.float32(self.maps.grid.size**2 if self.as_ratio else 1)

    def limit(self, drawn: Values) -> float | None:
        """Where the scale of ratios ends that holds these."""
        return doublings_limit(drawn, self.maps.grid.size**2) if self.as_ratio else None

    def describe(self) -> str:
        """One sentence that names position, window and where the attention goes."""
        grid, (row, column) = self.maps.grid, self.position
        window_row, window_column = divmod(self.window, grid.columns)
        means = [_of_head(values(self.maps), self.head)[row, column] for values in (entropy_bits, mean_distance_px)]
        sentence = (
            f"Row {row}, column {column} of the {branch_name(self.maps.address.branch)} looks at window "
            f"{window_row + 1}, {window_column + 1} of {grid.rows} x {grid.columns}, {self.head_name}: entropy "
            f"{significant(means[0])} of at most {significant(self.maps.max_entropy_bits)} bits, mean distance "
            f"{significant(means[1])} pixels"
        )
        if self.as_ratio:
            sentence += (
                f", {significant(self.per_head.min())} to {significant(self.per_head.max())} times even attention"
            )
        on_padding = _of_head(padding_share(self.maps), self.head)[row, column]
        return f"{sentence}, {on_padding * 100:.0f} % of it on padding." if self.window_padded.any() else f"{sentence}."


def choose_drawing(weights: WeightsSource) -> bool:
    """Whether attention is drawn as its ratio to even attention: a choice, where something was learned.

    Untrained attention is even but for noise, which a scale of shares would show as a pattern.
    """
    if weights.are_random:
        return True
    drawn_as = choices.segments(
        "Attention as",
        ("attention", _RATIO),
        key="attention_as",
        format_func=str.capitalize,
        label_visibility="collapsed",
        help="Ratio to even: 1 is what each position of the window would get if all got the same.",
    )
    return drawn_as == _RATIO


def attention_of_block(model: HRFormer, x: Tensor, key: tuple[str, ...], address: BlockAddress) -> AttentionMaps:
    """The attention of one block; `key` stands for model, weights and picture.

    Raises:
        ValueError: As `collect_attention_maps`, or if it can never fit into the memory budget.
    """
    return shared_pass(
        "attention",
        (key, address),
        attention_mib(model.config, address.branch),
        model,
        partial(collect_attention_maps, model, x, address),
    )


def is_finite(maps: AttentionMaps) -> bool:
    """Whether there is attention to show at all."""
    return bool(maps.probabilities.isfinite().all() and maps.content_logits.isfinite().all())


def clickable_picture(view: AttentionView) -> Shown:
    """The picture with the lit window, and the attention over that window as a table."""
    attention = view.attention
    figure = window_picture(
        view.picture,
        view.maps.grid,
        f"{_capitalised(str(view.maps.address))}: click a position",
        branch=view.maps.address.branch,
        position=view.position,
        attention=attention,
        ratio_limit=view.limit(view.per_head),  # one scale with the heads
    )
    return figure, _window_table(view, attention[None], [_quantity(view)])


def all_heads(view: AttentionView) -> Shown:
    """The window of the position in every head."""
    per_head = view.per_head
    size = view.maps.grid.size
    title = f"What row {view.position[0]}, column {view.position[1]} attends to, per head{_even(view)}"
    padded = view.window_padded.reshape(size, size)
    figure = head_windows(per_head, padded, title, ratio_limit=view.limit(per_head))
    return figure, _window_table(view, per_head, head_names(len(per_head)))


def matrix(view: AttentionView) -> Shown:
    """Every query of the window against every key."""
    size, padded = view.maps.grid.size, view.window_padded
    values = view.drawn(select_head(view.maps.probabilities[view.window], view.head))  # (N, N)
    title = f"Who attends to whom, {view.head_name}{_even(view) or ': every row sums to 1'}"
    labels = token_labels(size, padded)
    table = pd.DataFrame(values, columns=labels)
    table.insert(0, "query (row, column)", labels)
    return attention_matrix(values, padded, size, title, ratio_limit=view.limit(values)), table


def _even(view: AttentionView) -> str:
    return ": 1 is even over the window" if view.as_ratio else ""


def _quantity(view: AttentionView) -> str:
    return "times even attention" if view.as_ratio else "attention"


def content_and_bias(view: AttentionView) -> Shown:
    """The window's logits split into what the content and what the position says."""
    size, padded = view.maps.grid.size, view.window_padded
    content = np.asarray(select_head(view.maps.content_logits[view.window], view.head))  # (N, N)
    bias = np.asarray(select_head(view.maps.bias_logits, view.head))  # (N, N)
    labels = np.asarray(token_labels(size, padded))
    table = pd.DataFrame(
        {
            "query": labels.repeat(len(labels)),
            "key": np.tile(labels, len(labels)),
            "content": content.ravel(),
            "position bias": bias.ravel(),
        }
    )
    title = f"Logits, {view.head_name}: the part with the larger spread within rows makes the pattern"
    return logit_parts(content, bias, padded, size, title), table


def biases(view: AttentionView) -> Shown:
    """The learned bias by offset, per head."""
    values = np.asarray(view.maps.bias_maps.detach())  # (heads, 2K-1, 2K-1)
    added = "" if view.maps.bias_added else " (learned, but this variant does not add it)"
    reach = values.shape[1] // 2
    table = _table_by_place(values, head_names(len(values)), ("rows below", "columns right"), (-reach, -reach))
    return bias_maps(values, f"Relative position bias by offset from query to key{added}"), table


def entropies(view: AttentionView) -> Shown:
    """How widely each position of the map looks around, per head."""
    values = np.asarray(entropy_bits(view.maps))
    most = view.maps.max_entropy_bits
    title = f"Entropy of each position's attention: {significant(most)} bits is spread evenly over the window"
    return entropy_maps(view.picture, values, most, title), _map_table(values)


def distances(view: AttentionView) -> Shown:
    """How far each position of the map looks, per head."""
    values = np.asarray(mean_distance_px(view.maps))
    title = "Mean distance from each position to what it attends to"
    return distance_maps(view.picture, values, title), _map_table(values)


#: What is computed only when it is chosen: label -> chart and table.
DETAILS: dict[str, Callable[[AttentionView], Shown]] = {
    "Matrix of the window": matrix,
    "Content and bias": content_and_bias,
    "Bias per head": biases,
    "Entropy": entropies,
    "Distance": distances,
}


def _of_head(values: Tensor, head: int | None) -> Values:
    return np.asarray(_mean_or_one(values, head))


def _mean_or_one(values: Tensor, head: int | None) -> Tensor:
    """(heads, ...) -> (...)."""
    return values.mean(0) if head is None else values[head]


def _window_table(view: AttentionView, attention: NDArray[np.floating], names: list[str]) -> pd.DataFrame:
    """Attention over a window, (maps, K, K), by row and column of the branch's map; padding lies outside the map."""
    grid = view.maps.grid
    window_row, window_column = divmod(view.window, grid.columns)
    first = window_row * grid.size - grid.top, window_column * grid.size - grid.left
    table = _table_by_place(attention, names, ("row", "column"), first)
    table["padding"] = view.window_padded
    return table


def _map_table(values: NDArray[np.floating]) -> pd.DataFrame:
    return _table_by_place(values, head_names(len(values)), ("row", "column"), (0, 0))


def _table_by_place(
    values: NDArray[np.floating], names: list[str], axes: tuple[str, str], first: tuple[int, int]
) -> pd.DataFrame:
    """Maps, (maps, H, W), as one line per place and one column per map."""
    rows, columns = np.indices(values.shape[1:]).reshape(2, -1)
    places = {axes[0]: rows + first[0], axes[1]: columns + first[1]}
    return pd.DataFrame(places | dict(zip(names, values.reshape(len(values), -1), strict=True)))


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]
