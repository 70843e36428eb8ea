"""The replay buffer: transitions of several agents at once, batches of n-step returns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.type_aliases import ReplayBufferSamples

Array = NDArray[np.float64]

ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
"""Names of the arrays, those of stable-baselines3's buffers."""


class ReplayBuffer:
    """A ring of rows, each with one transition of every agent.

    Stands in for stable-baselines3's ``NStepReplayBuffer``, which chooses agents with NumPy's global generator. Here
    everything random comes from ``rng``; batches have the type that stable-baselines3's algorithms train on.

    Parameters
    ----------
    capacity
        Transitions kept; the oldest rows make room.
    agents
        Transitions a row.
    features, action_dim
        Widths of observations and actions.
    return_steps, discount
        n and γ of the n-step returns r₀ + γ·r₁ + … + γⁿ⁻¹·rₙ₋₁ (Sutton & Barto, ch. 7).
    rng
        Chooses what a batch holds.

    Attributes
    ----------
    observations, next_observations, actions
        (rows, agents, f), (rows, agents, f) and (rows, agents, m) float32.
    rewards, dones, timeouts
        (rows, agents) float32: scaled rewards; 1 where the transition ended the episode; 1 where it did so by the
        step limit alone, after which the value goes on.
    pos, full
        Row to be written next, and whether all rows hold something.
    """

    def __init__(
        self,
        capacity: int,
        agents: int,
        features: int,
        action_dim: int,
        return_steps: int,
        discount: float,
        rng: np.random.Generator,
    ) -> None:
        self.rows = max(capacity // agents, 1)
        self.return_steps = return_steps
        self.discount = discount
        self.rng = rng
        self.observations = np.zeros((self.rows, agents, features), np.float32)
        self.next_observations = np.zeros_like(self.observations)
        self.actions = np.zeros((self.rows, agents, action_dim), np.float32)
        self.rewards = np.zeros((self.rows, agents), np.float32)
        self.dones = np.zeros_like(self.rewards)
        self.timeouts = np.zeros_like(self.rewards)
        self.pos = 0
        self.full = False

    @property
    def agents(self) -> int:
        """Transitions a row."""
        return self.rewards.shape[1]

    @property
    def row_count(self) -> int:
        """Rows that hold something."""
        return self.rows if self.full else self.pos

    def size(self) -> int:
        """Return the number of transitions kept."""
        return self.row_count * self.agents

    def add(
        self,
        observations: Array,
        next_observations: Array,
        actions: Array,
        rewards: Array,
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> None:
        """Store one transition of every agent; the arrays have one row an agent."""
        self.observations[self.pos] = observations
        self.next_observations[self.pos] = next_observations
        self.actions[self.pos] = actions
        self.rewards[self.pos] = rewards
        self.dones[self.pos] = terminated | truncated
        self.timeouts[self.pos] = truncated & ~terminated
        self.pos = (self.pos + 1) % self.rows
        self.full |= self.pos == 0

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Return a batch drawn uniformly with replacement; ``env`` is there for stable-baselines3 and unused.

        Returns end with their episode, and with the newest row: there the value of the state reached takes over.
        """
        rows = self.rng.integers(0, self.row_count, batch_size)
        agents = self.rng.integers(0, self.agents, batch_size)
        window = (rows[:, None] + np.arange(self.return_steps)) % self.rows
        ends = self.dones[window, agents[:, None]] > 0.0
        ends |= window == (self.pos - 1) % self.rows
        ends[:, -1] = True
        last = ends.argmax(axis=1)
        counted = np.arange(self.return_steps) <= last[:, None]
        weights = np.float32(self.discount) ** np.arange(self.return_steps, dtype=np.float32) * counted
        returns = (self.rewards[window, agents[:, None]] * weights).sum(axis=1)
        last_rows = window[np.arange(batch_size), last]
        final = self.dones[last_rows, agents] * (1.0 - self.timeouts[last_rows, agents])
        discounts = np.float32(self.discount) ** (last + 1).astype(np.float32)
        columns = (final, returns, discounts)
        dones, rewards, weights_on = (
            torch.from_numpy(column[:, None].astype(np.float32)) for column in columns
        )
        return ReplayBufferSamples(
            observations=torch.from_numpy(self.observations[rows, agents]),
            actions=torch.from_numpy(self.actions[rows, agents]),
            next_observations=torch.from_numpy(self.next_observations[last_rows, agents]),
            dones=dones,
            rewards=rewards,
            discounts=weights_on,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept and the generator, as views of the live arrays and JSON values."""
        count = self.row_count
        return {
            "arrays": {name: vars(self)[name][:count] for name in ARRAYS},
            "position": self.pos,
            "full": bool(self.full),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of a buffer of the same sizes.

        Raises
        ------
        ValueError
            If sizes do not fit.
        """
        count = self.rows if saved["full"] else saved["position"]
        lengths = {len(saved["arrays"][name]) for name in ARRAYS}
        if lengths != {count} or not 0 <= saved["position"] < self.rows:
            raise ValueError("its replay buffer has impossible sizes")
        for name in ARRAYS:
            vars(self)[name][:count] = saved["arrays"][name]
        self.pos = saved["position"]
        self.full = saved["full"]
        self.rng.bit_generator.state = saved["rng"]
