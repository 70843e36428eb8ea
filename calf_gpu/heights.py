"""NumPy twins of ``shaders/include/qgrid.glsl`` and ``height.glsl``: each formula once here, once in GLSL."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Extent = tuple[float, float, float, float]
"""Borders (x0, x1, y0, y1) of the plane shown, in units of the two state axes."""


def sample_grid(
    grid: NDArray[np.floating], extent: Extent, points: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Interpolate a grid bilinearly; points outside the extent take the value at the nearest border.

    Parameters
    ----------
    grid
        (rows, columns), at least 2 × 2; rows along the second axis, columns along the first.
    extent
        (x0, x1, y0, y1).
    points
        (N, 2) plane coordinates.

    Returns
    -------
    (N,) values in the precision of the arguments (float32 in, float32 out; float64 in, float64 out).
    """
    grid = np.asarray(grid)
    points = np.asarray(points)
    dtype = np.result_type(grid, points)
    last = np.array([grid.shape[1] - 1, grid.shape[0] - 1])
    origin = np.array([extent[0], extent[2]], dtype)
    span = np.array([extent[1] - extent[0], extent[3] - extent[2]], dtype)
    cells = np.clip((points - origin) / span, 0, 1) * last.astype(dtype)
    index = np.minimum(cells.astype(np.int64), last - 1)
    fraction = cells - index.astype(dtype)
    column, row = index[:, 0], index[:, 1]
    fx, fy = fraction[:, 0], fraction[:, 1]
    near, far = grid[row, column], grid[row + 1, column]
    near = near + (grid[row, column + 1] - near) * fx
    far = far + (grid[row + 1, column + 1] - far) * fx
    return near + (far - near) * fy


def normalise(q: ArrayLike, lo: float, hi: float) -> NDArray[np.floating]:
    """Height in [0, 1] of critic values: clip((q² − lo)/(hi − lo), 0, 1), and 0 everywhere if hi ≤ lo.

    Parameters
    ----------
    q
        Critic values of any shape, interpolated before they are squared.
    lo, hi
        The range of q² that maps to [0, 1].
    """
    q = np.asarray(q)
    if not hi > lo:
        return np.zeros_like(q)
    lo_, hi_ = q.dtype.type(lo), q.dtype.type(hi)
    return np.clip((q * q - lo_) / (hi_ - lo_), 0, 1)
