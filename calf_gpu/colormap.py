"""Colours as shaders take them: by height a lookup table, by mode an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from panda3d.core import LVecBase3f, PTA_LVecBase3f, SamplerState, Texture

from calf_gpu.palette import all_mode_colors

_VIRIDIS = (
    "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c "
    "1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725"
)

DEFAULT_COLORS = np.array([list(bytes.fromhex(entry)) for entry in _VIRIDIS.split()], np.float32) / 255
"""(17, 3) anchors of matplotlib's viridis: perceptually uniform, safe for colour-blind readers."""


def lookup_texture(colors: ArrayLike) -> Texture:
    """Make a lookup texture of a colour table, interpolated linearly between its entries.

    Parameters
    ----------
    colors
        (K, 3) sRGB in [0, 1], K ≥ 2: the colours of heights 0 to 1 at equal steps; any matplotlib colormap gives
        one as ``colormap(np.linspace(0, 1, 256))[:, :3]``.

    Raises
    ------
    ValueError
        If the array has another shape or values outside [0, 1].
    """
    table = np.asarray(colors, np.float32)
    if table.ndim != 2 or table.shape[1] != 3 or len(table) < 2:
        raise ValueError(f"colour table must be (K, 3) with K >= 2, got shape {table.shape}")
    if not (table.min() >= 0 and table.max() <= 1):
        raise ValueError("colour table must hold sRGB values in [0, 1]")
    texture = Texture("lookup")
    texture.setup_2d_texture(len(table), 1, Texture.T_unsigned_byte, Texture.F_rgb8)
    # Panda3D keeps 2D images as BGR.
    texture.set_ram_image(np.rint(table[:, ::-1] * 255).astype(np.uint8).tobytes())
    texture.set_minfilter(SamplerState.FT_linear)
    texture.set_magfilter(SamplerState.FT_linear)
    texture.set_wrap_u(SamplerState.WM_clamp)
    texture.set_wrap_v(SamplerState.WM_clamp)
    return texture


def mode_color_array(mode_colors: ArrayLike) -> PTA_LVecBase3f:
    """Return the shader input ``mode_colors``; see :func:`~calf_gpu.palette.all_mode_colors` for the argument."""
    array = PTA_LVecBase3f()
    for color in all_mode_colors(mode_colors).tolist():
        array.push_back(LVecBase3f(*color))
    return array
