"""Key points painted into the pixels of their picture, for a file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from explorer.charts.prediction import Limbs, Skeleton

#: Of the picture's longer side, how thick a limb is; a key point's radius is twice that.
_THICKNESS = 1 / 200
_LEAST_PX = 2
_EDGE = "white"


def painted_skeletons(
    picture: NDArray[np.uint8], persons: Sequence[Skeleton], limbs: Limbs, *, least_score: float
) -> NDArray[np.uint8]:
    """The picture, at its own size, with the key points and limbs of every person.

    Args:
        picture: (height, width, 3); it stays as it is.
        persons: Who was found, in pixels of the picture.
        limbs: Names, colours and what joins them.
        least_score: Key points below it are left out, with their limbs.

    Returns:
        (height, width, 3).
    """
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    thick = max(_LEAST_PX, round(max(image.size) * _THICKNESS))
    for person in persons:
        shown = person.scores >= least_score
        places = [(round(x), round(y)) for x, y in person.points.tolist()]
        for (one, other), colour in limbs.limbs:
            if shown[one] and shown[other]:
                draw.line([places[one], places[other]], fill=colour, width=thick)
        for number in np.flatnonzero(shown).tolist():
            colour = limbs.colours[person.numbers[number]]
            draw.circle(places[number], 2 * thick, fill=colour, outline=_EDGE, width=thick // 2)
    return np.asarray(image)
