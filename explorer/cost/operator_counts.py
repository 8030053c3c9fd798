"""Work and parameters of HRFormer's building blocks, in closed form, for one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from hrformer.geometry import Size, area, downsampled
from hrformer.widths import BOTTLENECK_EXPANSION
from hrformer.windows import WindowGrid

#: Published FLOPs per element (cls/tools/jit_handles.py of the authors' code); all other element-wise work counts 1.
BATCH_NORM_FLOPS = 4
SOFTMAX_FLOPS = 5


@dataclass(frozen=True)
class OperatorCounts:
    """Parameters, and work by operator as the published convention counts it.

    `conv`, `linear` and `matmul` are multiply-adds; the others are FLOPs that only the published convention counts.
    """

    params: int = 0
    conv: int = 0
    linear: int = 0
    matmul: int = 0
    batchnorm: int = 0
    relu: int = 0
    add: int = 0
    mul: int = 0
    linear_bias: int = 0
    softmax: int = 0
    dropout: int = 0

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions, linear layers and matrix products."""
        return self.conv + self.linear + self.matmul

    @property
    def flops_published(self) -> int:
        """FLOPs as the paper's tables count them: the MACs, and the norms and element-wise operators."""
        return sum(self.by_operator().values())

    def by_operator(self) -> dict[str, int]:
        """Published-convention FLOPs of each operator."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "params"}

    def __add__(self, other: OperatorCounts) -> OperatorCounts:
        return OperatorCounts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def __mul__(self, repetitions: int) -> OperatorCounts:
        return OperatorCounts(*(value * repetitions for value in vars(self).values()))


def total(counts: Iterable[OperatorCounts]) -> OperatorCounts:
    """Sum of counts; nothing sums to zero."""
    return sum(counts, OperatorCounts())


def conv(
    in_chans: int, out_chans: int, kernel_size: int, out_size: Size, *, groups: int = 1, bias: bool = True
) -> OperatorCounts:
    """A convolution; `out_size` is the size of its output."""
    weights = out_chans * (in_chans // groups) * kernel_size**2
    return OperatorCounts(params=weights + out_chans * bias, conv=weights * area(out_size))


def batch_norm(channels: int, size: Size) -> OperatorCounts:
    """A batch norm: scale and shift per channel."""
    return OperatorCounts(params=2 * channels, batchnorm=BATCH_NORM_FLOPS * channels * area(size))


def layer_norm(channels: int) -> OperatorCounts:
    """A layer norm: the published convention counts no work for it."""
    return OperatorCounts(params=2 * channels)


def relu(channels: int, size: Size) -> OperatorCounts:
    """A ReLU."""
    return OperatorCounts(relu=channels * area(size))


def addition(channels: int, size: Size) -> OperatorCounts:
    """A sum of two maps."""
    return OperatorCounts(add=channels * area(size))


def conv_bn(
    in_chans: int, out_chans: int, kernel_size: int, out_size: Size, *, groups: int = 1, bias: bool = False
) -> OperatorCounts:
    """A convolution and its batch norm."""
    return conv(in_chans, out_chans, kernel_size, out_size, groups=groups, bias=bias) + batch_norm(out_chans, out_size)


def conv_bn_relu(
    in_chans: int, out_chans: int, kernel_size: int, out_size: Size, *, bias: bool = False
) -> OperatorCounts:
    """A convolution, its batch norm and a ReLU."""
    return conv_bn(in_chans, out_chans, kernel_size, out_size, bias=bias) + relu(out_chans, out_size)


def linear(in_features: int, out_features: int, tokens: int) -> OperatorCounts:
    """A linear layer with bias on each of `tokens` vectors."""
    return OperatorCounts(
        params=(in_features + 1) * out_features,
        linear=tokens * in_features * out_features,
        linear_bias=tokens * out_features,
    )


def bottleneck(in_chans: int, width: int, size: Size, *, depth_wise: bool = False) -> OperatorCounts:
    """The residual bottleneck of stage 1 and of the classification head."""
    out_chans = width * BOTTLENECK_EXPANSION
    shortcut = OperatorCounts() if in_chans == out_chans else conv_bn(in_chans, out_chans, 1, size)
    return total(
        (
            conv_bn_relu(in_chans, width, 1, size),
            conv_bn(width, width, 3, size, groups=width if depth_wise else 1),
            relu(width, size),
            conv_bn(width, out_chans, 1, size),
            shortcut,
            addition(out_chans, size),
            relu(out_chans, size),
        )
    )


def attention_projections(channels: int, grid: WindowGrid) -> OperatorCounts:
    """Query, key, value and output projections, padding included."""
    return linear(channels, channels, grid.tokens) * 4


def attention_products(channels: int, num_heads: int, grid: WindowGrid, *, add_bias: bool) -> OperatorCounts:
    """Query-key and attention-value products, scaling, bias and softmax inside the windows."""
    window_tokens = grid.size**2
    pairs = grid.tokens * window_tokens
    return OperatorCounts(
        params=(2 * grid.size - 1) ** 2 * num_heads,
        matmul=2 * pairs * channels,
        mul=grid.tokens * channels,
        add=pairs * num_heads * add_bias,
        softmax=SOFTMAX_FLOPS * pairs * num_heads,
        dropout=pairs * num_heads,
    )


def wasted_attention_macs(channels: int, grid: WindowGrid) -> int:
    """Attention MACs in which a padded token takes part, as projected token, query or key."""
    real = grid.height * grid.width
    real_pairs = _sum_of_squares(grid.height, grid.top, grid.size) * _sum_of_squares(grid.width, grid.left, grid.size)
    wasted_projections = 4 * (grid.tokens - real) * channels**2
    return wasted_projections + 2 * (grid.tokens * grid.size**2 - real_pairs) * channels


def _sum_of_squares(length: int, before: int, size: int) -> int:
    """Sum over windows of (real tokens)^2 along one side: the pairs that hold no padding."""
    edges = range(0, before + length, size)
    return sum((min(start + size, before + length) - max(start, before)) ** 2 for start in edges)


def ffn_pointwise(channels: int, hidden: int, size: Size) -> OperatorCounts:
    """The FFN's two 1x1 convolutions with their norms."""
    dropout = OperatorCounts(dropout=(hidden + channels) * area(size))
    return conv_bn(channels, hidden, 1, size, bias=True) + conv_bn(hidden, channels, 1, size, bias=True) + dropout


def ffn_depth_wise(hidden: int, kernel_size: int, size: Size) -> OperatorCounts:
    """The FFN's depth-wise convolution with its norm."""
    return conv_bn(hidden, hidden, kernel_size, size, groups=hidden, bias=True)


def fusion_row(channels: Sequence[int], sizes: Sequence[Size], target: int) -> OperatorCounts:
    """One target of a fusion: all sources brought to it, summed, ReLU."""
    sources = range(len(channels))
    summands = total(_fusion_summand(channels, sizes, source, target) for source in sources)
    sums = addition(channels[target], sizes[target]) * (len(channels) - 1)
    return summands + sums + relu(channels[target], sizes[target])


def _fusion_summand(channels: Sequence[int], sizes: Sequence[Size], source: int, target: int) -> OperatorCounts:
    if source == target:
        return OperatorCounts()
    if source > target:
        return conv_bn(channels[source], channels[target], 1, sizes[source])
    chans = channels[source]
    counts = OperatorCounts()
    for step in range(1, target - source + 1):
        size = downsampled(sizes[source], step)
        last = step == target - source
        depth_wise = conv_bn(chans, chans, 3, size, groups=chans)
        point_wise = conv_bn(chans, channels[target], 1, size) if last else conv_bn_relu(chans, chans, 1, size)
        counts += depth_wise + point_wise
    return counts
