"""The critic as a height field: the Q-grid, the smoothed range of its squares and heights of any states."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calf_gpu.heights import Extent, is_bad, normalise, sample_grid
from calf_gpu.qgrid import QGrid


class CriticHeatmap:
    """The newest Q-grid and what turns it into heights in [0, 1].

    A height is clip((q² − lo) / (hi − lo), 0, 1), where (lo, hi) is the range of q² over the grid, smoothed
    by an exponential moving average so that one critic update does not make the whole landscape jump. q is
    interpolated bilinearly first, then squared and normalised.

    Parameters
    ----------
    grid
        The texture that holds the values, under which the landscape is drawn.
    smoothing
        Weight of the newest grid in the moving average of the range, in (0, 1]; the first grid sets the range
        exactly.

    Attributes
    ----------
    lo, hi
        The smoothed range.
    """

    def __init__(self, grid: QGrid, smoothing: float = 0.6) -> None:
        if not 0.0 < smoothing <= 1.0:
            raise ValueError(f"smoothing accepts a number in (0, 1], got {smoothing}")
        self.grid = grid
        self.smoothing = smoothing
        self.lo = 0.0
        self.hi = 0.0
        self._began = False

    @property
    def extent(self) -> Extent:
        """Borders (x0, x1, y0, y1) of the plane."""
        return self.grid.extent

    @property
    def q_grid(self) -> NDArray[np.float32]:
        """(R, C) critic values: rows along the second axis, columns along the first, nodes on the borders.

        Bad values are replaced by a mark, :data:`~calf_gpu.heights.BAD_Q`.
        """
        return self.grid.values

    def update(self, q_grid: NDArray[np.float32], version: int) -> bool:
        """Take a new grid unless its version is already held; return whether it was new.

        Raises
        ------
        ValueError
            If the grid is not two-dimensional with at least 2 × 2 nodes.
        """
        if not self.grid.set(q_grid, version):
            return False
        self._follow(self.q_grid[~is_bad(self.q_grid)].astype(np.float64))
        self.grid.set_range(self.lo, self.hi)
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

    def _follow(self, good: NDArray[np.float64]) -> None:
        """Move the range towards that of the usable values; it stays where there are none."""
        if not good.size:
            return
        squares = np.square(good)
        weight = self.smoothing if self._began else 1.0
        self._began = True
        self.lo += weight * (float(squares.min()) - self.lo)
        self.hi += weight * (float(squares.max()) - self.hi)

    def _interpolate_q_from_grid_vectorized(self, points: NDArray[np.floating]) -> NDArray[np.floating]:
        """Interpolate bilinearly at ``points`` (N, 2) with array operations; same values as the loop."""
        # float64 keeps this within rounding of the loop, which computes in doubles.
        return sample_grid(self.q_grid.astype(np.float64), self.extent, points)

    def _interpolate_q_from_grid_loop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Interpolate bilinearly at ``points`` (N, 2), one after the other.

        The way of computing that ``heights=loop`` shows: plain arithmetic on the arrays' elements, without
        array operations and without needless calls.
        """
        x0, x1, y0, y1 = self.extent
        grid = self.q_grid
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
