"""Colours of the picture and the code that carries them to the GPU; twin of ``palette.glsl`` and ``modes.glsl``.

All colours are sRGB in [0, 1], written to the framebuffer as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MODE_NAMES = ("td3", "relax", "nominal")
"""What the modes 0, 1, 2 are called by default."""

MODE_COLORS = np.array([[0x38, 0xBD, 0xF8], [0xA3, 0xE6, 0x35], [0xFB, 0x4F, 0x3A]], np.float32) / np.float32(
    255
)
"""(3, 3) RGB by mode, unless others are given: cyan, lime, vermillion. They differ in lightness as well as in hue, so
they survive colour blindness and greyscale print."""

HIGHLIGHT_COLOR = np.array([0xFF, 0xD6, 0x0A], np.float32) / np.float32(255)
"""RGB of the highlighted agent."""

BACKGROUND = np.array([0x0B, 0x0F, 0x17], np.float32) / np.float32(255)
"""RGB behind the scene."""

BAD_COLOR = np.array([0xFF, 0x00, 0xFF], np.float32) / np.float32(255)
"""RGB of the surface where the critic's values are NaN, infinite or beyond all use."""

MAX_MODES = 16
"""Most modes that can have a colour of their own; the size of the shaders' ``mode_colors``."""

HIGHLIGHT_BIT = MAX_MODES
"""What is added to the mode of a highlighted agent."""


def encode(modes: NDArray[np.integer], highlighted: NDArray[np.bool_] | bool = False) -> NDArray[np.float32]:
    """Return the codes of records: mode + 16 where the agent is highlighted.

    Parameters
    ----------
    modes
        (N,) numbers from 0 on; those from :data:`MAX_MODES` on count as the last one.
    highlighted
        (N,) or one for all.

    Returns
    -------
    (N,) float32.
    """
    modes = np.minimum(modes, MAX_MODES - 1)
    return (modes + HIGHLIGHT_BIT * np.asarray(highlighted)).astype(np.float32)


def code_colors(codes: NDArray[np.floating], mode_colors: ArrayLike = MODE_COLORS) -> NDArray[np.float32]:
    """Return the (N, 3) RGB of record codes: the highlight colour for highlighted agents, else the mode's colour.

    Parameters
    ----------
    codes
        (N,) as :func:`encode` makes them.
    mode_colors
        (K, 3), see :func:`all_mode_colors`.
    """
    codes = np.asarray(codes).astype(np.int64)
    modes = all_mode_colors(mode_colors)[codes % HIGHLIGHT_BIT]
    return np.where((codes >= HIGHLIGHT_BIT)[:, None], HIGHLIGHT_COLOR, modes)


def all_mode_colors(mode_colors: ArrayLike) -> NDArray[np.float32]:
    """Return the (16, 3) float32 colours of all modes: the given ones, of which the last is repeated.

    Parameters
    ----------
    mode_colors
        (K, 3) sRGB in [0, 1] of the modes 0 to K − 1, 1 ≤ K ≤ :data:`MAX_MODES`.

    Raises
    ------
    ValueError
        Another shape, or values outside [0, 1].
    """
    colors = np.asarray(mode_colors, np.float32)
    if colors.ndim != 2 or colors.shape[1] != 3 or not 1 <= len(colors) <= MAX_MODES:
        raise ValueError(
            f"mode colours must be (K, 3) with K in 1..{MAX_MODES}, sRGB in [0, 1], got shape {colors.shape}"
        )
    if not (colors.min() >= 0 and colors.max() <= 1):
        raise ValueError(f"mode colours must be sRGB in [0, 1], got {colors.min():g} to {colors.max():g}")
    return colors[np.minimum(np.arange(MAX_MODES), len(colors) - 1)]
