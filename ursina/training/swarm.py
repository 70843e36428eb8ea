"""The agents shown: N copies of the system stepped as arrays under the current actor and critic."""

from __future__ import annotations

from typing import Any

import numpy as np

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import System
from calf_gpu.app.training.calf import Calf, Selection
from calf_gpu.app.training.learner import Learner
from calf_gpu.app.training.modes import Mode, Policy


class Swarm:
    """N agents; each starts a new episode in the step in which the last one ended.

    Attributes
    ----------
    states
        (N, d) float64.
    modes
        (N,) uint8: who chose the actions that led to ``states``; at a start, who chooses the first one.
    respawned
        (N,) bool: true where an episode starts with this state.
    """

    def __init__(
        self,
        system: System,
        learner: Learner,
        policy: Policy,
        calf_parameters: CalfOptions,
        count: int,
        seed: np.random.SeedSequence,
    ) -> None:
        self.system = system
        self.learner = learner
        self.policy = policy
        self.rng = np.random.default_rng(seed)
        self.calf = Calf(calf_parameters, 0, system.state_dim, system.action_dim)
        self.states = np.empty((0, system.state_dim))
        self.modes = np.empty(0, np.uint8)
        self.respawned = np.empty(0, np.bool_)
        self.episode_steps = np.empty(0, np.int64)
        self.resize(count)

    def __len__(self) -> int:
        return len(self.states)

    def resize(self, count: int) -> None:
        """Show ``count`` agents: drop the last ones or append agents at the start of an episode."""
        added = max(count - len(self), 0)
        self.calf.resize(count)
        self.states = np.concatenate([self.states[:count], self.system.sample_start(added, self.rng)])
        self.modes = np.concatenate([self.modes[:count], np.full(added, self._first_mode, np.uint8)])
        self.respawned = np.concatenate([self.respawned[:count], np.ones(added, np.bool_)])
        self.episode_steps = np.concatenate([self.episode_steps[:count], np.zeros(added, np.int64)])

    def set_policy(self, policy: Policy) -> None:
        """Let another policy control the agents from the next step on; certificates begin anew with it.

        A certificate that an agent got before it was controlled otherwise says nothing about where it is now.
        """
        if policy != self.policy:
            self.policy = policy
            self.calf.reset(np.ones(len(self), np.bool_))

    def step(self) -> None:
        """Step all agents once; those at the goal, out of bounds or at the step limit start anew."""
        actions, modes = self._select()
        outcome = self.system.transition(self.states, actions, self.episode_steps)
        ended = outcome.terminated | outcome.truncated
        self.states = outcome.states
        self.modes = modes
        self.respawned = ended
        self.episode_steps = np.where(ended, 0, self.episode_steps + 1)
        if ended.any():
            self.states[ended] = self.system.sample_start(int(ended.sum()), self.rng)
            self.modes[ended] = self._first_mode
            self.calf.reset(ended)

    @property
    def _first_mode(self) -> Mode:
        """Who chooses the first action of an episode."""
        return Mode.TD3 if self.policy == "td3" else Mode.NOMINAL

    def _select(self) -> Selection:
        if self.policy == "nominal":
            modes = np.full(len(self), Mode.NOMINAL, np.uint8)
            return Selection(self.system.nominal_action(self.states), modes)
        proposed = self.learner.actions(self.states)
        nominal = self.system.nominal_action(self.states)
        if self.policy == "td3":
            usable = np.isfinite(proposed.sum(axis=1))
            modes = np.where(usable, Mode.TD3, Mode.NOMINAL).astype(np.uint8)
            return Selection(np.where(usable[:, None], proposed, nominal), modes)
        return self.calf.select(self.states, proposed, nominal, self._critic, self.rng)

    def _critic(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return self.learner.q_values(states, actions, "swarm")

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the swarm's future depends on, as arrays and JSON values."""
        return {
            "states": self.states,
            "modes": self.modes,
            "respawned": self.respawned,
            "episode_steps": self.episode_steps,
            "calf": self.calf.state_dict(),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`, with its number of agents."""
        self.states = saved["states"].copy()
        self.modes = saved["modes"].copy()
        self.respawned = saved["respawned"].copy()
        self.episode_steps = saved["episode_steps"].copy()
        self.calf.load_state_dict(saved["calf"])
        self.rng.bit_generator.state = saved["rng"]
