"""Pictures in, classes out: a PNG becomes what the net takes, by the model folder's own description."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.serve.body import BadBody, Problem
from training.workdir.model_folder import Pixels

PNG: Final = "image/png"
MODES: Final = {1: "L", 3: "RGB"}
"""Pillow's names for grey and for colours, by the number of channels."""


def read_picture(content: bytes, pixels: Pixels) -> NDArray[np.float32]:
    """(1, channels, height, width) of a PNG of just that size. Raises BadBody.

    Nothing is cut or resized: a net that saw digits of 28 x 28 says nothing good about a photograph.
    """
    from PIL import Image, UnidentifiedImageError

    channels, height, width = pixels.shape
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            size = picture.size  # told by the head: a picture that would unpack to gigabytes is refused before
            if size != (width, height):
                raise _refuse(f"is {size[0]} x {size[1]}; the net takes {width} x {height}")
            grey_or_colour = np.asarray(picture.convert(MODES[channels]), dtype=np.float32)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _refuse("is no PNG, or damaged") from error
    as_rows = grey_or_colour.reshape(height, width, channels).transpose(2, 0, 1)
    mean, spread = (np.array(numbers, dtype=np.float32)[:, None, None] for numbers in (pixels.mean, pixels.spread))
    return ((as_rows - mean) / spread)[None].astype(np.float32)


def _refuse(what: str) -> BadBody:
    return BadBody([Problem(0, "", f"the picture {what}")], "Send one PNG of the size that GET /model names.")


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """(n, classes) to probabilities."""
    below_highest = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.exp(below_highest)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
