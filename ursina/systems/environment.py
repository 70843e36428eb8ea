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

    Observations are the states as float32; the state itself is kept in float64. An episode is *terminated* at
    the goal and out of bounds, *truncated* at the step limit. ``info["at_goal"]`` tells success.

    Attributes
    ----------
    state
        (d,) float64, the current state.
    episode_steps
        Steps made in the current episode.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        bound = np.array(system.state_bound, np.float32)
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
        """Apply a (m,) action for one time step; the reward is unscaled."""
        actions = np.asarray(action, np.float64)[None]
        outcome = self.system.transition(self.state[None], actions, np.array([self.episode_steps]))
        self.state = outcome.states[0]
        self.episode_steps += 1
        info = {"at_goal": bool(self.system.at_goal(outcome.states)[0])}
        ended = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        return self.observation, float(outcome.rewards[0]), *ended, info

    @property
    def observation(self) -> Observation:
        """The current state as a (d,) float32 observation."""
        return self.state.astype(np.float32)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the environment's future depends on, as arrays and JSON values."""
        return {
            "state": self.state.copy(),
            "episode_steps": self.episode_steps,
            "rng": self.np_random.bit_generator.state,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`."""
        self.state = saved["state"].copy()
        self.episode_steps = saved["episode_steps"]
        self.np_random.bit_generator.state = saved["rng"]
