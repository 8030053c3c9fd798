"""Conventions of counting work, and amounts that refuse to be compared across them.

Papers print "GFLOPs" and mean different things: HRNet counts convolutions and linear layers and divides by 1024^3,
HRFormer's table adds norms and element-wise operators. `Work` holds the counts apart; a number comes out of it only
together with its convention.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """A way to count the work of a forward pass.

    Attributes:
        key: Short name for links and files.
        label: What a person reads.
        unit: Of its amounts, such as "GMACs".
        explanation: What is counted, in one sentence.
    """

    key: str
    label: str
    unit: str
    explanation: str


MACS = Convention(
    "macs", "MACs", "GMACs", "Multiply-adds of convolutions, linear layers and matrix products, over 10^9."
)
FLOPS = Convention("flops", "FLOPs = 2 x MACs", "GFLOPs", "Two operations per multiply-add, over 10^9.")
HRNET = Convention(
    "hrnet",
    "HRNet's count",
    "G (HRNet)",
    "Multiply-adds of convolutions and linear layers over 1024^3; the products inside attention are left out.",
)
HRFORMER = Convention(
    "hrformer",
    "HRFormer's table",
    "GFLOPs (HRFormer)",
    "Multiply-adds, norms and element-wise operators over 10^9, as in HRFormer's ImageNet table; only HRFormer's own "
    "operators are known in it.",
)
CONVENTIONS: dict[str, Convention] = {convention.key: convention for convention in (MACS, FLOPS, HRNET, HRFORMER)}


@dataclass(frozen=True)
class Amount:
    """Work in one convention.

    Attributes:
        giga: The number that goes with the convention's unit.
        convention: How it was counted.
    """

    giga: float
    convention: Convention

    def over(self, other: Amount) -> float:
        """This amount as a multiple of another one.

        Raises:
            ValueError: If the two were not counted alike.
        """
        if self.convention != other.convention:
            raise ValueError(
                f"Work in {self.convention.unit} can't be compared with work in {other.convention.unit}: count both in "
                "one convention."
            )
        return self.giga / other.giga


@dataclass(frozen=True)
class Work:
    """The work of a forward pass by kinds of operators.

    Attributes:
        macs: Multiply-adds of convolutions, linear layers and matrix products.
        products: Of these, the matrix products inside attention; None where nobody told them apart.
        other: Norms and element-wise operators as HRFormer's table counts them; None where nobody counted them.
    """

    macs: float
    products: float | None
    other: float | None = None

    def amount(self, convention: Convention) -> Amount | None:
        """The work in a convention; None where it cannot be counted in it."""
        if convention == HRFORMER:
            return None if self.other is None else Amount((self.macs + self.other) / 1e9, convention)
        if convention == HRNET:
            return None if self.products is None else Amount((self.macs - self.products) / 1024**3, convention)
        return Amount((2 if convention == FLOPS else 1) * self.macs / 1e9, convention)
