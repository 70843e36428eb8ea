"""Training of one agent under CALF: one environment step and one gradient step per call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.config.learn import LearnOptions
from calf_gpu.app.systems import System
from calf_gpu.app.systems.environment import SystemEnvironment
from calf_gpu.app.training.calf import Calf
from calf_gpu.app.training.checkpoint import check_fits
from calf_gpu.app.training.learner import Array, DivergedError, Learner
from calf_gpu.app.training.modes import Mode

SUCCESS_WINDOW = 100
"""Finished episodes over which the success rate is taken."""

MAX_REWARD = 1e30
"""Largest magnitude of a reward; sums of scaled rewards are kept as float32."""


class Check(NamedTuple):
    """What the training agent's last check was about; in the warm-up, what it would have been about."""

    state: Array
    """(d,) where it was."""
    action: Array
    """(m,) what was proposed there: not what was done, if the stabilizer took over."""
    q_certified: float
    """Q† before the check; nan at the start of an episode."""


class Value(NamedTuple):
    """The critic's value of the pair checked last, with the certificate and the bounds it is checked against."""

    q: float
    q_certified: float
    state_norm: float
    kappa_low: float
    kappa_up: float

    @property
    def within_kappa(self) -> float:
        """Whether κ_low(‖s‖) ≤ −Q ≤ κ_up(‖s‖) holds, 1 or 0; nan where Q is not finite."""
        return float(self.kappa_low <= -self.q <= self.kappa_up) if np.isfinite(self.q) else float("nan")


@dataclass
class EpisodeHistory:
    """Unscaled return, length in steps and success (goal reached) of every finished episode."""

    returns: list[float]
    lengths: list[int]
    successes: list[bool]

    def add(self, episode_return: float, length: int, success: bool) -> None:
        """Append a finished episode."""
        self.returns.append(episode_return)
        self.lengths.append(length)
        self.successes.append(success)

    @property
    def last_return(self) -> float:
        """Return of the last episode; nan before any."""
        return self.returns[-1] if self.returns else float("nan")

    @property
    def last_length(self) -> float:
        """Steps of the last episode; nan before any."""
        return self.lengths[-1] if self.lengths else float("nan")

    def mean_return(self, last: int) -> float:
        """Return the mean of the ``last`` returns; nan without any."""
        return float(np.mean(self.returns[-last:])) if self.returns else float("nan")

    def success_rate(self) -> float:
        """Return the fraction of successes among the last episodes; nan without any."""
        return float(np.mean(self.successes[-SUCCESS_WINDOW:])) if self.successes else float("nan")


class Trainer:
    """The training agent: exploration, the CALF check, learning, and the numbers of its episodes.

    Attributes
    ----------
    episode
        Index of the current episode, equal to the number of finished ones.
    total_steps
        Environment steps made.
    action, mode
        (m,) last action and who chose it; at the start of an episode the nominal action, chosen next.
    respawned
        Whether an episode starts with the current state.
    history
        Finished episodes.
    last_mode_rates
        Fraction of the actions of the last finished episode that each mode chose.
    """

    def __init__(
        self,
        system: System,
        calf_options: CalfOptions,
        seed: np.random.SeedSequence,
        options: LearnOptions | None = None,
    ) -> None:
        start_seed, exploration_seed, learner_seed = seed.spawn(3)
        self.system = system
        self.parameters = options or LearnOptions()
        self.learner = Learner(system, self.parameters, learner_seed)
        self.calf = Calf(calf_options, 1, system.state_dim, system.action_dim)
        self.environment = SystemEnvironment(system)
        self.environment.reset(seed=int(start_seed.generate_state(1)[0]))
        self.rng = np.random.default_rng(exploration_seed)
        self.history = EpisodeHistory([], [], [])
        self.last_mode_rates = dict.fromkeys(Mode, float("nan"))
        self.total_steps = 0
        self._begin_episode()

    @property
    def state(self) -> Array:
        """(d,) current state."""
        return self.environment.state

    @property
    def episode(self) -> int:
        """Index of the current episode."""
        return len(self.history.returns)

    @property
    def episode_length(self) -> int:
        """Steps made in the current episode."""
        return self.environment.episode_steps

    @property
    def warming_up(self) -> bool:
        """Whether the nominal policy still explores."""
        return self.total_steps < self.parameters.warmup_steps

    @property
    def noise(self) -> float:
        """Standard deviation of the exploration noise now, as a fraction of the action bound."""
        p = self.parameters
        done = min(self.total_steps / p.noise_steps, 1.0)
        return p.noise_start + done * (p.noise_end - p.noise_start)

    def step(self) -> None:
        """Make one environment step and, once the buffer holds a batch, one gradient step.

        Where the step ends an episode, the next one begins at once: ``state`` is its start then.

        Raises
        ------
        DivergedError
            If the state, the reward or a loss is no longer finite. There is no going on after that.
        """
        state = self.state
        self.action, self.mode = self._act(state)
        _, reward, terminated, truncated, info = self.environment.step(self.action)
        if not (abs(reward) <= MAX_REWARD and np.isfinite(self.state).all()):
            raise DivergedError(
                f"the environment gave the reward {reward:g} and the state {self.state.tolist()}"
            )
        self.learner.remember(state, self.action, reward, self.state, terminated, truncated)
        if self.learner.ready:
            self.learner.gradient_step()
        self.total_steps += 1
        self.respawned = False
        self.episode_return += reward
        self.mode_counts[self.mode] += 1
        if terminated or truncated:
            self.history.add(self.episode_return, self.episode_length, info["at_goal"])
            self.last_mode_rates = {mode: self.mode_rate(mode) for mode in Mode}
            self.environment.reset()
            self._begin_episode()

    def value(self) -> Value:
        """Ask the critic for Q of the pair that was checked last, counted under ``hud``."""
        state, action, q_certified = self._checked
        q = self.learner.q_values(state[None], action[None], "hud")
        norm = np.linalg.norm(state[None], axis=1)
        low, high = self.calf.kappa(norm)
        return Value(float(q[0]), q_certified, float(norm[0]), float(low[0]), float(high[0]))

    def mode_rate(self, mode: Mode) -> float:
        """Return the fraction of the episode's actions that ``mode`` chose; nan before the first."""
        return self.mode_counts[mode] / self.episode_length if self.episode_length else float("nan")

    def _begin_episode(self) -> None:
        self.calf.reset(np.ones(1, np.bool_))
        self.action = self.system.nominal_action(self.state[None])[0]
        self.mode = Mode.NOMINAL
        self.respawned = True
        self._checked = Check(self.state, self.action, float("nan"))
        self._exploration = self.rng.normal(0.0, 1.0, self.system.action_dim)
        self.episode_return = 0.0
        self.mode_counts: Counter[int] = Counter()

    def _act(self, state: Array) -> tuple[Array, Mode]:
        """Return the (m,) action and who chose it."""
        states = state[None]
        nominal = self.system.nominal_action(states)
        before = float(self.calf.q_certified[0])
        if self.warming_up:
            if np.isnan(before):
                q = self._critic(states, nominal)
                self.calf.certify(np.ones(1, np.bool_), states, nominal, q)
                self._checked = Check(state, nominal[0], before)
                return nominal[0], Mode.NOMINAL
            explored = self._explore(nominal)[0]
            self._checked = Check(state, explored, before)
            return explored, Mode.NOMINAL
        proposed = self._explore(self.learner.actions(states))
        self._checked = Check(state, (nominal if np.isnan(before) else proposed)[0], before)
        actions, modes = self.calf.select(states, proposed, nominal, self._critic, self.rng)
        return actions[0], Mode(modes[0])

    def _explore(self, actions: Array) -> Array:
        """Return the actions with noise, within the bounds."""
        bound = self.system.action_high
        kept = np.exp(-self.system.dt / self.parameters.noise_time)
        fresh = self.rng.normal(0.0, 1.0, actions.shape[1])
        self._exploration = kept * self._exploration + np.sqrt(1.0 - kept * kept) * fresh
        return np.clip(actions + self.noise * bound * self._exploration, -bound, bound)

    def _critic(self, states: NDArray[np.float64], actions: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.learner.q_values(states, actions, "training")

    def state_dict(self) -> dict[str, Any]:
        """Return everything that training's future depends on, as arrays and JSON values."""
        return {
            "system": self.system.name,
            "learner": self.learner.state_dict(),
            "calf": self.calf.state_dict(),
            "environment": self.environment.state_dict(),
            "rng": self.rng.bit_generator.state,
            "exploration": self._exploration,
            "returns": np.array(self.history.returns, np.float64),
            "lengths": np.array(self.history.lengths, np.int64),
            "successes": np.array(self.history.successes, np.bool_),
            "total_steps": self.total_steps,
            "action": self.action,
            "checked_state": self._checked.state,
            "checked_action": self._checked.action,
            "checked_certificate": np.array([self._checked.q_certified]),
            "mode": int(self.mode),
            "respawned": self.respawned,
            "episode_return": self.episode_return,
            "mode_counts": [self.mode_counts[mode] for mode in Mode],
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
        check_fits(saved, self.state_dict())
        self.learner.load_state_dict(saved["learner"])
        self.calf.load_state_dict(saved["calf"])
        self.environment.load_state_dict(saved["environment"])
        self.rng.bit_generator.state = saved["rng"]
        self._exploration = saved["exploration"].copy()
        self.history = EpisodeHistory(*(saved[name].tolist() for name in ("returns", "lengths", "successes")))
        self.total_steps = saved["total_steps"]
        self.action = saved["action"].copy()
        self._checked = Check(
            saved["checked_state"].copy(),
            saved["checked_action"].copy(),
            float(saved["checked_certificate"][0]),
        )
        self.mode = Mode(saved["mode"])
        self.respawned = saved["respawned"]
        self.episode_return = saved["episode_return"]
        self.mode_counts = Counter(dict(zip(Mode, saved["mode_counts"], strict=True)))
