"""The critic over the plane shown: the Q-grid, valued anew when the critic changed and it is due."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.frame import Grid
from calf_gpu.app.systems import System
from calf_gpu.app.training.learner import Learner
from calf_gpu.heights import is_bad


class Landscape:
    """The newest Q-grid, in one batch of the critic's values.

    Parameters
    ----------
    system
        Gives the plane and the states shown on it.
    learner
        Who is asked.
    size
        G, nodes along each side.
    at_actor
        Value the states at the actor's actions, otherwise at zero.

    Attributes
    ----------
    grid
        (G, G) values; its version is the number of gradient steps of the critic that they are of.
    least, greatest
        Range of the values that are of use; nan if there are none.
    bad_cells
        Nodes whose value is NaN, infinite or beyond all use.
    """

    def __init__(self, system: System, learner: Learner, size: int, at_actor: bool) -> None:
        self._system = system
        self._learner = learner
        self._at_actor = at_actor
        self._shape = (size, size)
        self._states = system.plane_states(grid_points(system.plane_extent, size))
        self.update()

    def update(self) -> None:
        """Value the plane's nodes by the critic of now."""
        q = self._ask(self._states)
        self.show(Grid(self._learner.version, q.reshape(self._shape)))

    def values(self, states: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Return the critic at (N, d) states as they are, (N,); None where the plane shows all of their axes."""
        return self._ask(states) if states.shape[1] > 2 else None

    def show(self, grid: Grid) -> None:
        """Show a grid that was valued before; one of another size is left."""
        if grid.values.shape != self._shape:
            return
        self.grid = grid
        bad = is_bad(grid.values)
        good = grid.values[~bad]
        self.bad_cells = int(bad.sum())
        self.least, self.greatest = (float(good.min()), float(good.max())) if good.size else (np.nan, np.nan)

    def _ask(self, states: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the critic's (N,) values at the actor's actions or at zero, in one batch."""
        actions = np.zeros((len(states), self._system.action_dim))
        if self._at_actor:
            actions = self._learner.actions(states)
        return self._learner.q_values(states, actions, "grid").astype(np.float32)

    @property
    def stale(self) -> bool:
        """Whether the critic has changed since."""
        return self.grid.version != self._learner.version


def grid_points(extent: tuple[float, float, float, float], size: int) -> NDArray[np.float64]:
    """Return the (size², 2) nodes of a grid over (x0, x1, y0, y1), row by row, borders included."""
    x0, x1, y0, y1 = extent
    first, second = np.meshgrid(np.linspace(x0, x1, size), np.linspace(y0, y1, size))
    return np.stack([first.ravel(), second.ravel()], axis=1)
