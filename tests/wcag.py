"""Contrast as https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio defines it, for the tests alone."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def luminance(colours: ArrayLike) -> NDArray[np.float64]:
    """Relative luminance of sRGB colours, (..., 3) from 0 to 255."""
    parts = np.asarray(colours, float) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ (0.2126, 0.7152, 0.0722))


def contrast(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Contrast ratio, 1 to 21."""
    lights = luminance(first) + 0.05, luminance(second) + 0.05
    return np.asarray(np.maximum(*lights) / np.minimum(*lights))


def over(colour: ArrayLike, ground: ArrayLike, opacity: float) -> NDArray[np.float64]:
    """The colour that one of some opacity (0 to 1) makes over a ground."""
    return np.asarray(np.asarray(colour, float) * opacity + np.asarray(ground, float) * (1 - opacity))
