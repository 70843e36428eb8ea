"""Noise that agents explore with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Exploration:
    """Correlated Gaussian noise of unit variance, one row an agent, each from a generator of its own.

    Discrete Ornstein-Uhlenbeck process (Lillicrap et al., arXiv 1509.02971): where decisions are short, the effects of
    independent noise cancel before the state shows any.

    Parameters
    ----------
    shape
        Agents and action axes.
    correlation_time
        Seconds after which 1/e of the noise is left; 0 makes each decision's noise independent.
    interval
        Seconds from one decision to the next.
    seed
        Spawns a generator an agent.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        correlation_time: float,
        interval: float,
        seed: np.random.SeedSequence,
    ) -> None:
        agents, self._axes = shape
        self._kept = float(np.exp(-interval / correlation_time)) if correlation_time else 0.0
        self._rngs = [np.random.default_rng(each) for each in seed.spawn(agents)]
        self.values = np.zeros(shape)
        self.reset(np.ones(agents, np.bool_))

    def reset(self, starting: NDArray[np.bool_]) -> None:
        """Begin anew where ``starting`` (N,) marks an episode."""
        for row in np.flatnonzero(starting):
            self.values[row] = self._rngs[row].normal(0.0, 1.0, self._axes)

    def step(self) -> Array:
        """Return the (N, m) noise of the next decision."""
        fresh = np.stack([rng.normal(0.0, 1.0, self._axes) for rng in self._rngs])
        self.values = self._kept * self.values + np.sqrt(1.0 - self._kept**2) * fresh
        return self.values

    def state_dict(self) -> dict[str, Any]:
        """Return noise and generators as arrays and JSON values."""
        return {
            "values": self.values,
            "rngs": {str(i): rng.bit_generator.state for i, rng in enumerate(self._rngs)},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` with as many agents."""
        self.values = saved["values"].copy()
        for i, rng in enumerate(self._rngs):
            rng.bit_generator.state = saved["rngs"][str(i)]
