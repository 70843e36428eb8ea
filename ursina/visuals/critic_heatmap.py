"""The critic as a height field: the Q-grid, the smoothed range of its squares and heights of any states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calf_gpu.heights import is_bad, marked, normalise, sample_grid

Extent = tuple[float, float, float, float]
"""Borders (x0, x1, y0, y1) of the plane shown, in the units of the first two state axes."""


class CriticHeatmap:
    """The newest Q-grid and what turns it into heights in [0, 1].

    A height is clip((q² − lo) / (hi − lo), 0, 1), where (lo, hi) is the range of q² over the grid, smoothed
    by an exponential moving average so that one critic update does not make the whole landscape jump. q is
    interpolated bilinearly first, then squared and normalised.

    Parameters
    ----------
    extent
        Borders (x0, x1, y0, y1) of the plane.
    smoothing
        Weight of the newest grid in the moving average of the range, in (0, 1]; the first grid sets the range
        exactly.

    Attributes
    ----------
    bad_cells
        Nodes of the grid whose value is NaN, infinite or beyond all use; they do not count in the range, and
        have height 0.
    q_least, q_greatest
        Range of the grid's other values; nan if there are none.
    """

    def __init__(self, extent: Extent, smoothing: float = 0.6) -> None:
        if not 0.0 < smoothing <= 1.0:
            raise ValueError(f"smoothing accepts a number in (0, 1], got {smoothing}")
        x0, x1, y0, y1 = map(float, extent)
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"extent accepts (x0, x1, y0, y1) with x0 < x1 and y0 < y1, got {extent}")
        self.extent: Extent = (x0, x1, y0, y1)
        self.smoothing = smoothing
        self.version: int | None = None
        self.lo = 0.0
        self.hi = 0.0
        self.bad_cells = 0
        self.q_least = self.q_greatest = float("nan")
        self._grid: NDArray[np.float32] = np.zeros((2, 2), np.float32)
        # float64 keeps the vectorised interpolation within rounding of the loop, which computes in doubles.
        self._grid64: NDArray[np.float64] = self._grid.astype(np.float64)

    @property
    def q_grid(self) -> NDArray[np.float32]:
        """(G, G) critic values: rows along the second axis, columns along the first, nodes on the borders.

        Bad values are replaced by a mark, :data:`~calf_gpu.heights.BAD_Q`.
        """
        return self._grid

    def update(self, q_grid: NDArray[np.float32], version: int) -> bool:
        """Take a new grid unless its version is already held; return whether it was new.

        Raises
        ------
        ValueError
            If the grid is not two-dimensional with at least 2 × 2 nodes.
        """
        if version == self.version:
            return False
        if q_grid.ndim != 2 or min(q_grid.shape) < 2:
            raise ValueError(f"q_grid accepts a 2-D array of at least 2 x 2 nodes, got shape {q_grid.shape}")
        self._grid = marked(q_grid)
        self._grid64 = np.asarray(self._grid, np.float64)
        good = self._grid64[~is_bad(self._grid64)]
        self.bad_cells = q_grid.size - good.size
        self._follow(good)
        self.version = version
        return True

    def bad_at(self, points: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return (N,) whether plane points (N, 2) lie in a cell with a bad node."""
        return is_bad(self._interpolate_q_from_grid_vectorized(points))

    def get_q_value_for_states_batch(self, states: ArrayLike) -> NDArray[np.floating]:
        """Return the critic's value under every state, (N,); ``states`` is (N, d), d ≥ 2.

        Only the first two axes count; states outside the plane get the value at its border.
        """
        return self._interpolate_q_from_grid_vectorized(np.asarray(states)[:, :2])

    def heights(self, states: ArrayLike) -> NDArray[np.floating]:
        """Return the landscape's heights in [0, 1] under ``states`` (N, d), all in one query, as (N,)."""
        return normalise(self.get_q_value_for_states_batch(states), self.lo, self.hi)

    def height_of(self, state: NDArray[np.floating]) -> float:
        """Return the height in [0, 1] under one state (d,): what every agent asks for in the loop variant."""
        q = self._interpolate_q_from_grid_loop(state[np.newaxis, :2])[0]
        if self.hi == self.lo or is_bad(q):
            return 0.0
        return float(min(max((q * q - self.lo) / (self.hi - self.lo), 0.0), 1.0))

    def grid_heights(self) -> NDArray[np.float32]:
        """Return the heights in [0, 1] of the grid's nodes, (G, G) like :attr:`q_grid`."""
        return normalise(self._grid64, self.lo, self.hi).astype(np.float32)

    def _follow(self, good: NDArray[np.float64]) -> None:
        """Move the range towards that of the usable values; it stays where there are none."""
        if not good.size:
            self.q_least = self.q_greatest = float("nan")
            return
        self.q_least, self.q_greatest = float(good.min()), float(good.max())
        squares = np.square(good)
        weight = 1.0 if self.version is None else self.smoothing
        self.lo += weight * (float(squares.min()) - self.lo)
        self.hi += weight * (float(squares.max()) - self.hi)

    def _interpolate_q_from_grid_vectorized(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Interpolate bilinearly at ``points`` (N, 2) with array operations; same values as the loop."""
        return sample_grid(self._grid64, self.extent, points)

    def _interpolate_q_from_grid_loop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Interpolate bilinearly at ``points`` (N, 2), one after the other.

        The way of computing that ``heights=loop`` shows: plain arithmetic on the arrays' elements, without
        array operations and without needless calls.
        """
        x0, x1, y0, y1 = self.extent
        grid = self._grid
        rows, columns = grid.shape
        values = np.empty(len(points))
        for k, (a0, a1) in enumerate(np.asarray(points, np.float64)):
            u = min(max((a0 - x0) / (x1 - x0), 0.0), 1.0) * (columns - 1)
            v = min(max((a1 - y0) / (y1 - y0), 0.0), 1.0) * (rows - 1)
            column = min(int(u), columns - 2)
            row = min(int(v), rows - 2)
            fu = u - column
            fv = v - row
            lower = grid[row, column] * (1.0 - fu) + grid[row, column + 1] * fu
            upper = grid[row + 1, column] * (1.0 - fu) + grid[row + 1, column + 1] * fu
            values[k] = lower * (1.0 - fv) + upper * fv
        return values
