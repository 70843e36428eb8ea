"""NumPy twins of ``shaders/include/qgrid.glsl`` and ``height.glsl``: each formula once here, once in GLSL."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Extent = tuple[float, float, float, float]
"""Borders (x0, x1, y0, y1) of the plane shown, in units of the two state axes."""

Q_LIMIT = 1e15
"""Largest magnitude of a critic value that is shown: its square and products of it stay far inside float32. NaN,
infinite and larger values are *bad*: they have height 0 and a colour of their own."""

BAD_Q = 1e38
"""Stands for bad values in grids that are interpolated: with any weight worth the name it keeps a point bad, while
NaN would leave it to each shader compiler what becomes of it."""


def is_bad(q: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return where critic values are NaN, infinite or beyond ±:data:`Q_LIMIT`, in the shape of ``q``."""
    return ~(np.abs(q) <= Q_LIMIT)  # NaN compares false


def marked(q: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return critic values with :data:`BAD_Q` in place of the bad ones; ``q`` itself if there are none."""
    bad = is_bad(q)
    return np.where(bad, q.dtype.type(BAD_Q), q) if bad.any() else q


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
    # Asked every frame for few points, where every call counts: both axes at once, in place, one take.
    rows, columns = grid.shape
    origin, scale, last, strides, corners = _constants(extent, rows, columns, np.result_type(grid, points))
    cells = np.subtract(points.T, origin, order="C")
    cells *= scale
    np.fmax(cells, 0.0, out=cells)  # fmax, not maximum: NaN becomes a border instead of a wild index
    np.minimum(cells, last, out=cells)
    whole = np.floor(cells)
    cells -= whole
    fx, fy = cells
    values = grid.ravel().take(strides.dot(whole).astype(np.intp) + corners)
    near, far = values[:2], values[2:]
    near, far = near + (far - near) * fx
    far -= near
    far *= fy
    far += near
    return far


@lru_cache(maxsize=16)
def _constants(extent: Extent, rows: int, columns: int, dtype: np.dtype) -> tuple[NDArray, ...]:
    """Arrays that :func:`sample_grid` needs for all grids of a shape and extent.

    ``last`` is the largest coordinate below the last node, so that a point on the far border falls into the
    last cell with a fraction of 1 to rounding. ``corners`` are index offsets of a cell's nodes, those of the
    near column first.
    """
    x0, x1, y0, y1 = extent
    origin = np.array([[x0], [y0]], dtype)
    scale = np.array([[(columns - 1) / (x1 - x0)], [(rows - 1) / (y1 - y0)]], dtype)
    last = np.nextafter(np.array([[columns - 1], [rows - 1]], dtype), np.zeros(1, dtype))
    strides = np.array([1, columns], np.float64)
    corners = np.array([[0], [columns], [1], [columns + 1]])
    return origin, scale, last, strides, corners


def normalise(q: ArrayLike, lo: float, hi: float) -> NDArray[np.floating]:
    """Height in [0, 1] of critic values: clip((q² − lo)/(hi − lo), 0, 1), and 0 everywhere if hi ≤ lo.

    Bad values (:func:`is_bad`) have height 0.

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
    q = np.where(is_bad(q), q.dtype.type(0), q)
    lo_, hi_ = q.dtype.type(lo), q.dtype.type(hi)
    return np.clip((q * q - lo_) / (hi_ - lo_), 0, 1)
