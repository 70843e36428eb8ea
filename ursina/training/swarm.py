"""The agents shown: N copies of the system stepped as arrays under the current actor and critic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import System
from calf_gpu.app.training.calf import Calf, Selection, unchecked
from calf_gpu.app.training.learner import Learner
from calf_gpu.app.training.modes import Mode, Policy


class Swarm:
    """N agents that decide together every ``system.hold`` steps.

    Who reaches the goal or the step limit between decisions waits there until the next one, and starts a new episode in
    the step before it.

    Attributes
    ----------
    states
        (N, d) float64.
    actions
        (N, m) float64: what the agents do until the next decision.
    modes
        (N,) uint8: who chose the actions that led to ``states``; at a start, who chooses the first one.
    respawned
        (N,) bool: true where an episode starts with this state.
    q_values
        (N,) float64: Q(s, a) of the proposal that each agent's last check was about; nan where nothing was checked.
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
        self.calf = Calf(calf_parameters, system, 0, learner.parameters.discount)
        self.states = np.empty((0, system.state_dim))
        self.actions = np.empty((0, system.action_dim))
        self.modes = np.empty(0, np.uint8)
        self.respawned = np.empty(0, np.bool_)
        self.episode_steps = np.empty(0, np.int64)
        self._ended = np.empty(0, np.bool_)
        self._waiting = np.empty(0, np.bool_)
        self._rewards = np.empty(0)
        self._held = 0
        self.resize(count)

    def __len__(self) -> int:
        return len(self.states)

    @property
    def q_values(self) -> NDArray[np.float64]:
        """(N,) Q(s, a) of each agent's last check."""
        return self.calf.check.q

    def resize(self, count: int) -> None:
        """Show ``count`` agents: drop the last ones or append agents at the start of an episode."""
        added = max(count - len(self), 0)
        self.calf.resize(count)
        starts = self.system.sample_start(added, self.rng)
        self.states = np.concatenate([self.states[:count], starts])
        self.actions = np.concatenate([self.actions[:count], self.system.nominal_action(starts)])
        self.modes = np.concatenate([self.modes[:count], np.full(added, self._first_mode, np.uint8)])
        self.respawned = np.concatenate([self.respawned[:count], np.ones(added, np.bool_)])
        self.episode_steps = np.concatenate([self.episode_steps[:count], np.zeros(added, np.int64)])
        self._ended = np.concatenate([self._ended[:count], np.zeros(added, np.bool_)])
        # New agents wait at their start for the next decision.
        self._waiting = np.concatenate([self._waiting[:count], np.full(added, self._held > 0)])
        self._rewards = np.concatenate([self._rewards[:count], np.zeros(added)])

    def set_policy(self, policy: Policy) -> None:
        """Let another policy control the agents from the next decision on; certificates begin anew with it.

        A certificate that an agent got before it was controlled otherwise says nothing about where it is now.
        """
        if policy != self.policy:
            self.policy = policy
            decided = -(-self.episode_steps // self.system.hold)
            self.calf.reset(np.ones(len(self), np.bool_), decided)

    def step(self) -> None:
        """Step all agents once; those at the goal or the step limit start anew when the decision has been held."""
        if self._held == 0:
            self._decide()
        running = ~self._waiting
        outcome = self.system.transition(self.states, self.actions, self.episode_steps)
        self.states = np.where(running[:, None], outcome.states, self.states)
        self.episode_steps = self.episode_steps + running
        self._rewards += np.where(running, outcome.rewards, 0.0)
        self._ended |= running & (outcome.terminated | outcome.truncated)
        self._waiting |= self._ended
        self.respawned = np.zeros(len(self), np.bool_)
        self._held += 1
        if self._held == self.system.hold:
            self._finish_decision()

    @property
    def _first_mode(self) -> Mode:
        """Who chooses the first action of an episode."""
        if self.policy == "calf":
            return self.calf.first_mode
        return Mode.TD3 if self.policy == "td3" else Mode.NOMINAL

    def _decide(self) -> None:
        """Let the policy in control choose what every agent does for the next ``system.hold`` steps."""
        self.actions, self.modes = self._select()
        self._rewards = np.zeros(len(self))

    def _finish_decision(self) -> None:
        """Start new episodes where the last have ended."""
        self._held = 0
        self.calf.observe(self._rewards)
        self._waiting = np.zeros(len(self), np.bool_)
        ended, self._ended = self._ended, self._waiting.copy()
        if ended.any():
            self.respawned = ended
            self.states[ended] = self.system.sample_start(int(ended.sum()), self.rng)
            self.modes = np.where(ended, np.uint8(self._first_mode), self.modes)
            self.episode_steps[ended] = 0
            self.calf.reset(ended)

    def _select(self) -> Selection:
        nominal = self.system.nominal_action(self.states)
        if self.policy == "nominal":
            return Selection(nominal, np.full(len(self), Mode.NOMINAL, np.uint8))
        proposed = self.learner.actions(self.states)
        if self.policy == "td3":
            return unchecked(proposed, nominal)
        return self.calf.select(self.states, proposed, nominal, self._critic, self.rng)

    def _critic(self, states: NDArray[np.float64], actions: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.learner.q_values(states, actions, "swarm")

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the swarm's future depends on, as arrays and JSON values."""
        return {
            "agents": {name: vars(self)[name] for name in _AGENT_ARRAYS},
            "held": self._held,
            "calf": self.calf.state_dict(),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict`, with its number of agents."""
        for name, values in saved["agents"].items():
            setattr(self, name, values.copy())
        self._held = saved["held"]
        self.calf.load_state_dict(saved["calf"])
        self.rng.bit_generator.state = saved["rng"]


_AGENT_ARRAYS = ("states", "actions", "modes", "respawned", "episode_steps", "_ended", "_waiting", "_rewards")
"""Attributes with a row an agent that are saved."""
