"""Colours of the picture and the code that carries them to the GPU; twin of ``include/palette.glsl``.

All colours are sRGB in [0, 1], written to the framebuffer as they are. The three mode colours differ in
lightness as well as in hue, so they survive colour blindness and greyscale print.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODE_NAMES = ("td3", "relax", "nominal")
"""Who chose an action, in the order of the mode numbers 0, 1, 2."""

MODE_COLORS = np.array([[0x38, 0xBD, 0xF8], [0xA3, 0xE6, 0x35], [0xFB, 0x4F, 0x3A]], np.float32) / np.float32(
    255
)
"""(3, 3) RGB by mode: cyan, lime, vermillion."""

HIGHLIGHT_COLOR = np.array([0xFF, 0xD6, 0x0A], np.float32) / np.float32(255)
"""RGB of the training agent."""

BACKGROUND = np.array([0x0B, 0x0F, 0x17], np.float32) / np.float32(255)
"""RGB behind the scene."""

BAD_COLOR = np.array([0xFF, 0x00, 0xFF], np.float32) / np.float32(255)
"""RGB of the surface where the critic's values are NaN, infinite or beyond all use."""

HIGHLIGHT_BIT = 4


def encode(modes: NDArray[np.integer], highlighted: NDArray[np.bool_] | bool = False) -> NDArray[np.float32]:
    """Code of a record: mode + 4 where the agent is highlighted (the training agent); (N,) float32."""
    return (np.asarray(modes) + HIGHLIGHT_BIT * np.asarray(highlighted)).astype(np.float32)


def code_colors(codes: NDArray[np.floating]) -> NDArray[np.float32]:
    """(N, 3) RGB of record codes: the highlight colour for highlighted agents, else the mode's colour."""
    codes = np.asarray(codes).astype(np.int64)
    modes = MODE_COLORS[np.minimum(codes % HIGHLIGHT_BIT, len(MODE_COLORS) - 1)]
    return np.where((codes >= HIGHLIGHT_BIT)[:, None], HIGHLIGHT_COLOR, modes)
