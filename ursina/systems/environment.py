"""A system as a Gymnasium environment: one agent, the same dynamics as the swarm."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from calf_gpu.app.systems import System

Observation = NDArray[np.float32]


class SystemEnvironment(gym.Env[Observation, Observation]):
    """One agent in a :class:`~calf_gpu.app.systems.System`.

    Observations are the system's features as float32; the state itself is kept in float64. A step holds its action
    for ``system.hold`` steps of the system and gives the sum of their rewards. An episode is *terminated* at the
    goal, *truncated* at the step limit. ``info["at_goal"]`` tells success.

    Attributes
    ----------
    state
        (d,) float64, the current state.
    episode_steps
        Steps of the system made in the current episode.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        bound = system.feature_bound.astype(np.float32)
        self.observation_space = spaces.Box(-bound, bound, dtype=np.float32)
        self.action_space = spaces.Box(
            system.action_low.astype(np.float32), system.action_high.astype(np.float32), dtype=np.float32
        )
        self.state = system.goal
        self.episode_steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode at a random state; ``seed`` restarts the sequence of start states."""
        super().reset(seed=seed)
        self.state = self.system.sample_start(1, self.np_random)[0]
        self.episode_steps = 0
        return self.observation, {}

    def step(self, action: NDArray[Any]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Apply a (m,) action for one decision."""
        actions = np.asarray(action, np.float64)[None]
        total, terminated, truncated = 0.0, False, False
        for _ in range(self.system.hold):
            outcome = self.system.transition(self.state[None], actions, np.array([self.episode_steps]))
            self.state = outcome.states[0]
            self.episode_steps += 1
            total += float(outcome.rewards[0])
            terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
            if terminated or truncated:
                break
        return self.observation, total, terminated, truncated, {"at_goal": terminated}

    @property
    def observation(self) -> Observation:
        """The current state's features as (f,) float32."""
        return self.system.features(self.state[None])[0].astype(np.float32)
