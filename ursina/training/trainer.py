"""Training under CALF: several agents gather experience at once, a learner learns from it between their decisions."""

from __future__ import annotations

from typing import Any

import numpy as np

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.systems import System
from calf_gpu.app.training.calf import Calf, Check
from calf_gpu.app.training.checkpoint import check_fits, without_rows
from calf_gpu.app.training.exploration import Exploration
from calf_gpu.app.training.history import EpisodeHistory
from calf_gpu.app.training.learner import Array, DivergedError, Learner, LearningParameters
from calf_gpu.app.training.modes import Mode

MAX_REWARD = 1e30
"""Largest magnitude of a reward; sums of scaled rewards are kept as float32."""


class Trainer:
    """The training agents: exploration, the CALF check, learning, and the numbers of their episodes.

    All agents decide together, every ``system.hold`` steps; who reaches the goal in between waits there until then. The
    first agent is the one that is shown: where one number or state stands for all, it is that agent's.

    Attributes
    ----------
    states
        (A, d) current states of the training agents.
    actions, modes
        (A, m) and (A,) what they do and who chose it; at the start of an episode the nominal action, and who chooses
        the next one.
    episode_steps, episode_returns
        (A,) steps made in their episodes, and the rewards they brought.
    total_steps
        Steps made by all agents together.
    respawned
        Whether an episode of the shown agent starts with its current state.
    history
        Finished episodes of all agents.
    check
        The shown agent's last check, one float a field, as it was made: before the gradient steps after it.
    """

    def __init__(
        self,
        system: System,
        calf_parameters: CalfOptions,
        seed: np.random.SeedSequence,
        parameters: LearningParameters | None = None,
    ) -> None:
        start_seed, exploration_seed, learner_seed, chance_seed = seed.spawn(4)
        self.system = system
        self.parameters = parameters or LearningParameters.for_system(system)
        agents = self.parameters.training_agents
        self.learner = Learner(system, self.parameters, learner_seed)
        self.calf = Calf(calf_parameters, system, agents, self.parameters.discount)
        self.exploration = Exploration(
            (agents, system.action_dim), self.parameters.noise_time, system.dt * system.hold, exploration_seed
        )
        self.rng = np.random.default_rng(chance_seed)
        self.history = EpisodeHistory()
        self.total_steps = 0
        # A generator an agent, so that an agent's starts do not depend on when the others' episodes end.
        self._start_rngs = [np.random.default_rng(each) for each in start_seed.spawn(agents)]
        self.states = np.zeros((agents, system.state_dim))
        self.actions = np.zeros((agents, system.action_dim))
        self.modes = np.full(agents, self.calf.first_mode, np.uint8)
        self.episode_steps = np.zeros(agents, np.int64)
        self.episode_returns = np.zeros(agents)
        self.mode_counts = np.zeros((agents, len(Mode)), np.int64)
        self.check: Check[float] = Check(*[float("nan")] * len(Check._fields))
        self._held = 0
        self._decided_in = self.states
        self._rewards = np.zeros(agents)
        self._terminated = np.zeros(agents, np.bool_)
        self._truncated = np.zeros(agents, np.bool_)
        self._begin(np.ones(agents, np.bool_))

    @property
    def state(self) -> Array:
        """(d,) current state of the shown agent."""
        return self.states[0]

    @property
    def action(self) -> Array:
        """(m,) what the shown agent does."""
        return self.actions[0]

    @property
    def mode(self) -> Mode:
        """Who chose that."""
        return Mode(self.modes[0])

    @property
    def episode(self) -> int:
        """Number of finished episodes of all agents."""
        return len(self.history.returns)

    @property
    def episode_length(self) -> int:
        """Steps made in the shown agent's current episode."""
        return int(self.episode_steps[0])

    @property
    def episode_return(self) -> float:
        """Rewards of the shown agent's current episode."""
        return float(self.episode_returns[0])

    @property
    def noise(self) -> float:
        """Standard deviation of the exploration noise now, as a fraction of the action bound."""
        p = self.parameters
        done = min(self.total_steps / p.noise_steps, 1.0)
        return p.noise_start + done * (p.noise_end - p.noise_start)

    @property
    def learning(self) -> bool:
        """Whether the replay buffer holds a batch, so that gradient steps are made."""
        return self.learner.ready

    def step(self) -> None:
        """Move every agent one step; where a decision has been held to its end, learn from it.

        Where a decision ends an episode, the next one begins at once: ``states`` holds its start then.

        Raises
        ------
        DivergedError
            If a state, a reward or a loss is no longer finite. There is no going on after that.
        """
        self.respawned = False
        if self._held == 0:
            self._decide()
        running = ~(self._terminated | self._truncated)
        outcome = self.system.transition(self.states, self.actions, self.episode_steps)
        rewards = np.where(running, outcome.rewards, 0.0)
        states = np.where(running[:, None], outcome.states, self.states)
        if not (np.abs(rewards) <= MAX_REWARD).all() or not np.isfinite(states).all():
            raise DivergedError(
                f"the system gave rewards up to {np.abs(rewards).max():g} and states up to {np.abs(states).max():g}"
            )
        self.states = states
        self._rewards += rewards
        self._terminated |= running & outcome.terminated
        self._truncated |= running & outcome.truncated
        self.episode_steps += running
        self.total_steps += int(running.sum())
        self._held += 1
        ended = self._terminated | self._truncated
        if self._held == self.system.hold or ended.all():
            self._finish_decision(ended)

    def mode_rate(self, mode: Mode) -> float:
        """Return the fraction of this episode's decisions of the shown agent that ``mode`` made; nan before any."""
        decisions = self.mode_counts[0].sum()
        return float(self.mode_counts[0, mode] / decisions) if decisions else float("nan")

    def _begin(self, starting: np.ndarray) -> None:
        """Start episodes where ``starting`` (A,) says so."""
        for row in np.flatnonzero(starting):
            self.states[row] = self.system.sample_start(1, self._start_rngs[row])[0]
        self.calf.reset(starting)
        self.exploration.reset(starting)
        self.actions[starting] = self.system.nominal_action(self.states[starting])
        self.modes[starting] = self.calf.first_mode
        self.episode_steps[starting] = 0
        self.episode_returns[starting] = 0.0
        self.mode_counts[starting] = 0
        self._terminated[starting] = False
        self._truncated[starting] = False
        self.respawned = bool(starting[0])

    def _decide(self) -> None:
        """Let every agent's actor propose and the check choose."""
        proposed = self.learner.model.proposals(self.states)
        if not self.learner.model.stochastic:
            bound = self.system.action_high
            proposed = np.clip(proposed + self.noise * bound * self.exploration.step(), -bound, bound)
        nominal = self.system.nominal_action(self.states)
        chosen = self.calf.select(self.states, proposed, nominal, self._critic, self.rng)
        self.check = Check(*(float(column[0]) for column in self.calf.check))
        self.actions, self.modes = chosen.actions, chosen.modes
        self.mode_counts[np.arange(len(self.modes)), self.modes] += 1
        self._decided_in = self.states
        self._rewards = np.zeros(len(self.states))

    def _finish_decision(self, ended: np.ndarray) -> None:
        """Remember what the decisions brought, learn, and start new episodes where the last have ``ended``."""
        self.calf.observe(self._rewards)
        self.episode_returns += self._rewards
        self.learner.remember(
            self._decided_in, self.actions, self._rewards, self.states, self._terminated, self._truncated
        )
        if self.learner.ready:
            for _ in range(self.parameters.gradient_steps):
                self.learner.gradient_step()
        self._held = 0
        for row in np.flatnonzero(ended):
            self.history.add(
                float(self.episode_returns[row]),
                int(self.episode_steps[row]),
                bool(self._terminated[row]),
                self.mode_counts[row].tolist(),
            )
        if ended.any():
            self.states = self.states.copy()
            self._begin(ended)

    def _critic(self, states: Array, actions: Array) -> Array:
        return self.learner.q_values(states, actions, "training")

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training's future depends on, as arrays and JSON values."""
        return {
            "system": self.system.name,
            "learner": self.learner.state_dict(),
            "calf": self.calf.state_dict(),
            "exploration": self.exploration.state_dict(),
            "history": self.history.state_dict(),
            "start_rngs": {str(i): rng.bit_generator.state for i, rng in enumerate(self._start_rngs)},
            "rng": self.rng.bit_generator.state,
            "total_steps": self.total_steps,
            "respawned": self.respawned,
            "check": list(self.check),
            "held": self._held,
            "agents": {name: vars(self)[name] for name in _AGENT_ARRAYS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue, with a new trainer, from a :meth:`state_dict`.

        Raises
        ------
        ValueError
            If it was saved for another system or does not fit this one, or its weights are not finite.
        """
        if saved["system"] != self.system.name:
            raise ValueError(f"the checkpoint is of system {saved['system']}, not {self.system.name}")
        check_fits(saved, self._example())
        self.learner.load_state_dict(saved["learner"])
        self.calf.load_state_dict(saved["calf"])
        self.exploration.load_state_dict(saved["exploration"])
        self.history.load_state_dict(saved["history"])
        for i, rng in enumerate(self._start_rngs):
            rng.bit_generator.state = saved["start_rngs"][str(i)]
        self.rng.bit_generator.state = saved["rng"]
        self.total_steps = saved["total_steps"]
        self.respawned = saved["respawned"]
        self.check = Check(*saved["check"])
        self._held = saved["held"]
        for name, values in saved["agents"].items():
            setattr(self, name, values.copy())

    def _example(self) -> dict[str, Any]:
        """Return what a saved state looks like, with any optimizers' states, history and fill of the buffer."""
        example = self.state_dict()
        example["history"] = without_rows(example["history"])
        learner = example["learner"]
        learner["buffer"]["arrays"] = without_rows(learner["buffer"]["arrays"])
        learner["model"]["optimizers"] = {}
        return example


_AGENT_ARRAYS = (
    "states",
    "actions",
    "modes",
    "episode_steps",
    "episode_returns",
    "mode_counts",
    "_decided_in",
    "_rewards",
    "_terminated",
    "_truncated",
)
"""Attributes with a row an agent that are saved."""
