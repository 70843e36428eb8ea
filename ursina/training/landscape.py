"""The critic over the plane shown: the Q-grid, valued anew when the critic changed and it is due."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.stream.frame import Grid
from calf_gpu.app.systems import System
from calf_gpu.app.training.learner import Learner
from calf_gpu.heights import is_bad


class Landscape:
    """The newest Q-grid, in one batch of the critic's values.

    The state axes that the plane does not show are held at those of a state: the surface is a slice through it.

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
    state
        (d,) the state through which the first slice goes.

    Attributes
    ----------
    grid
        (G, G) values.
    held
        (d − 2,) where the other axes are held.
    least, greatest
        Range of the values that are of use; nan if there are none.
    bad_cells
        Nodes whose value is NaN, infinite or beyond all use.
    """

    def __init__(
        self, system: System, learner: Learner, size: int, at_actor: bool, state: NDArray[np.float64]
    ) -> None:
        self._system = system
        self._learner = learner
        self._at_actor = at_actor
        self._shape = (size, size)
        self._states = system.plane_states(grid_points(system.plane_extent, size))
        self._version = 0
        self.update(state)

    def update(self, state: NDArray[np.float64]) -> None:
        """Value the plane's nodes by the critic of now, in the slice through a state (d,)."""
        self.held = state[2:].copy()
        self._states[:, 2:] = self.held
        self._version += 1
        self._critic = self._learner.version
        self._take(self._ask(self._states).reshape(self._shape))

    def due(self, state: NDArray[np.float64]) -> bool:
        """Whether the critic or the slice through a state have changed since."""
        return self._critic != self._learner.version or not np.array_equal(self.held, state[2:])

    def values(self, states: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Return the critic at (N, d) states as they are, (N,); None where the plane shows all of their axes."""
        return self._ask(states) if states.shape[1] > 2 else None

    def state_dict(self) -> dict[str, Any]:
        """Return the grid and what it is of, as arrays and JSON values."""
        return {
            "values": self.grid.values,
            "held": self.held,
            "version": self._version,
            "critic": self._critic,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`; a grid of another size is left."""
        if saved["values"].shape == self._shape:
            self._states[:, 2:] = self.held = saved["held"].copy()
            self._version, self._critic = saved["version"], saved["critic"]
            self._take(saved["values"])

    def _take(self, values: NDArray[np.float32]) -> None:
        distances = self._system.distance(self._states).astype(np.float32).reshape(self._shape)
        self.grid = Grid(self._version, values, distances)
        bad = is_bad(values)
        good = values[~bad]
        self.bad_cells = int(bad.sum())
        self.least, self.greatest = (float(good.min()), float(good.max())) if good.size else (np.nan, np.nan)

    def _ask(self, states: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the critic's (N,) values at the actor's actions or at zero, in one batch."""
        actions = np.zeros((len(states), self._system.action_dim))
        if self._at_actor:
            actions = self._learner.actions(states)
        return self._learner.q_values(states, actions, "grid").astype(np.float32)


def grid_points(extent: tuple[float, float, float, float], size: int) -> NDArray[np.float64]:
    """Return the (size², 2) nodes of a grid over (x0, x1, y0, y1), row by row, borders included."""
    x0, x1, y0, y1 = extent
    first, second = np.meshgrid(np.linspace(x0, x1, size), np.linspace(y0, y1, size))
    return np.stack([first.ravel(), second.ravel()], axis=1)
