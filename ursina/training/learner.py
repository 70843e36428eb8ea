"""TD3 from stable-baselines3 behind arrays: actions and values in batches, one gradient step per call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import TD3
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from calf_gpu.app.config.learn import LearnOptions
from calf_gpu.app.systems import System
from calf_gpu.app.systems.environment import SystemEnvironment

Array = NDArray[np.float64]


class DivergedError(ArithmeticError):
    """Learning left the numbers behind; the text says in a few words what is no longer finite."""


class SeededReplayBuffer(NStepReplayBuffer):
    """stable-baselines3's buffer drawing batches from a generator of its own, not from NumPy's global one."""

    rng: np.random.Generator

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Return a batch drawn uniformly with replacement."""
        return self._get_samples(self.rng.integers(0, self.size(), batch_size), env)


class Learner:
    """Actor, twin critics, their targets and optimizers, and the replay buffer.

    Randomness comes from generators of this object alone: two learners in one process do not disturb each
    other. States and actions come and go in the system's units.

    Attributes
    ----------
    queries, rows
        How often the critic was asked, and about how many state-action pairs, by purpose. Gradient steps are
        not counted.
    version
        Number of gradient steps made; the critic changed whenever it grew.
    """

    def __init__(self, system: System, parameters: LearnOptions, seed: np.random.SeedSequence) -> None:
        # Networks this small lose more to waking a second thread than they gain (64-64, batch 128: 2.4 ms a
        # step with one thread, 2.4-3.5 ms with two, which are then missing for drawing).
        torch.set_num_threads(1)
        buffer_seed, torch_seed = seed.spawn(2)
        self.parameters = parameters
        self.queries: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self._action_bound = system.action_high.astype(np.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch_seed.generate_state(1)[0]))
            self.td3 = _td3(system, parameters)
            self._torch_rng = torch.get_rng_state()
        assert isinstance(self.td3.replay_buffer, SeededReplayBuffer)
        self.buffer = self.td3.replay_buffer
        self.buffer.rng = np.random.default_rng(buffer_seed)
        self.td3.set_logger(Logger(None, []))
        self.critic_loss = float("nan")
        self.actor_loss = float("nan")

    @property
    def version(self) -> int:
        """Number of gradient steps made."""
        return self.td3._n_updates

    @property
    def finite(self) -> bool:
        """Whether all weights, those of the target networks too, and all that the optimizers keep are finite."""
        optimizers = (self.td3.actor.optimizer, self.td3.critic.optimizer)
        kept = (
            value
            for optimizer in optimizers
            for entry in optimizer.state.values()
            for value in entry.values()
        )
        tensors = [*self.td3.policy.state_dict().values(), *kept]
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)

    @property
    def ready(self) -> bool:
        """Whether the buffer holds a batch."""
        return self.buffer.size() >= self.parameters.batch_size

    def actions(self, states: Array) -> Array:
        """Return the actor's (N, m) actions for (N, d) states, in one batch and without noise."""
        with torch.inference_mode():
            scaled = self.td3.actor.mu(torch.from_numpy(states.astype(np.float32)))
        return (scaled.numpy() * self._action_bound).astype(np.float64)

    def q_values(self, states: Array, actions: Array, purpose: str) -> Array:
        """Return (N,) min(Q1, Q2) at (N, d) states and (N, m) actions, in one batch, counted by purpose."""
        self.queries[purpose] += 1
        self.rows[purpose] += len(states)
        pairs = np.concatenate([states, actions / self._action_bound], axis=1).astype(np.float32)
        with torch.inference_mode():
            first, second = (network(torch.from_numpy(pairs)) for network in self.td3.critic.q_networks)
            return torch.minimum(first, second)[:, 0].numpy().astype(np.float64)

    def remember(
        self, state: Array, action: Array, reward: float, next_state: Array, terminated: bool, truncated: bool
    ) -> None:
        """Store one transition of (d,) states and a (m,) action; the reward is unscaled.

        A truncated transition is stored as a timeout: its target bootstraps from ``next_state``, the last
        state of the episode.
        """
        self.buffer.add(
            state[None].astype(np.float32),
            next_state[None].astype(np.float32),
            (action / self._action_bound)[None].astype(np.float32),
            np.array([reward * self.parameters.reward_scale]),
            np.array([terminated or truncated]),
            [{"TimeLimit.truncated": truncated and not terminated}],
        )

    def gradient_step(self) -> None:
        """Train once: the critics, every second time the actor too; sets ``critic_loss``, ``actor_loss``.

        Raises
        ------
        DivergedError
            If a loss is not finite; the weights may be lost then.
        """
        with self._own_torch_rng():
            self.td3.train(gradient_steps=1, batch_size=self.parameters.batch_size)
        losses = self.td3.logger.name_to_value
        self.critic_loss = float(losses["train/critic_loss"])
        self.actor_loss = float(losses.get("train/actor_loss", self.actor_loss))
        for name in ("critic", "actor"):
            loss = float(losses.get(f"train/{name}_loss", 0.0))
            if not np.isfinite(loss):
                raise DivergedError(f"the {name}'s loss is {loss}")

    @contextmanager
    def _own_torch_rng(self) -> Iterator[None]:
        """Let torch's global generator continue from this learner's own state meanwhile."""
        others = torch.get_rng_state()
        torch.set_rng_state(self._torch_rng)
        try:
            yield
        finally:
            self._torch_rng = torch.get_rng_state()
            torch.set_rng_state(others)

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers, replay buffer and generators as arrays and JSON values.

        The arrays are views of the live ones: write or copy them before the next gradient step.
        """
        size = self.buffer.size()
        return {
            "networks": {name: value.numpy() for name, value in self.td3.policy.state_dict().items()},
            "actor_optimizer": _optimizer_arrays(self.td3.actor.optimizer),
            "critic_optimizer": _optimizer_arrays(self.td3.critic.optimizer),
            "buffer": {name: getattr(self.buffer, name)[:size] for name in _BUFFER_ARRAYS},
            "buffer_position": self.buffer.pos,
            "buffer_full": self.buffer.full,
            "buffer_rng": self.buffer.rng.bit_generator.state,
            "torch_rng": self._torch_rng.numpy(),
            "gradient_steps": self.version,
            "critic_loss": self.critic_loss,
            "actor_loss": self.actor_loss,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of the same system and the same parameters.

        Raises
        ------
        ValueError
            If weights are not finite, or sizes do not fit.
        """
        networks = {name: torch.from_numpy(value.copy()) for name, value in saved["networks"].items()}
        self.td3.policy.load_state_dict(networks)
        _load_optimizer(self.td3.actor.optimizer, saved["actor_optimizer"])
        _load_optimizer(self.td3.critic.optimizer, saved["critic_optimizer"])
        if not self.finite:
            raise ValueError("its weights are not finite")
        sizes = {len(saved["buffer"][name]) for name in _BUFFER_ARRAYS}
        capacity = self.buffer.buffer_size
        size = capacity if saved["buffer_full"] else saved["buffer_position"]
        if sizes != {size} or not 0 <= saved["buffer_position"] < capacity:
            raise ValueError("its replay buffer has impossible sizes")
        for name in _BUFFER_ARRAYS:
            getattr(self.buffer, name)[:size] = saved["buffer"][name]
        self.buffer.pos = saved["buffer_position"]
        self.buffer.full = saved["buffer_full"]
        self.buffer.rng.bit_generator.state = saved["buffer_rng"]
        self._torch_rng = torch.from_numpy(saved["torch_rng"].copy())
        self.td3._n_updates = saved["gradient_steps"]
        self.critic_loss = saved["critic_loss"]
        self.actor_loss = saved["actor_loss"]


_BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def _td3(system: System, parameters: LearnOptions) -> TD3:
    return TD3(
        "MlpPolicy",
        SystemEnvironment(system),
        learning_rate=parameters.learning_rate,
        buffer_size=parameters.buffer_size,
        batch_size=parameters.batch_size,
        gamma=parameters.discount,
        tau=parameters.target_rate,
        replay_buffer_class=SeededReplayBuffer,
        replay_buffer_kwargs={
            "handle_timeout_termination": True,
            "n_steps": parameters.return_steps,
            "gamma": parameters.discount,
        },
        policy_kwargs={
            "net_arch": list(parameters.hidden_layers),
            # One fused kernel instead of a dozen small ones per parameter: a fifth of the step's time.
            "optimizer_kwargs": {"fused": True},
        },
        device="cpu",
    )


def _optimizer_arrays(optimizer: torch.optim.Optimizer) -> dict[str, dict[str, NDArray[Any]]]:
    """Return what Adam keeps per parameter: step, exp_avg, exp_avg_sq."""
    state = optimizer.state_dict()["state"]
    return {str(i): {key: value.numpy() for key, value in entry.items()} for i, entry in state.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, arrays: dict[str, dict[str, NDArray[Any]]]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for i, entry in arrays.items():
        parameter = parameters[int(i)]
        shapes = {"step": (), "exp_avg": tuple(parameter.shape), "exp_avg_sq": tuple(parameter.shape)}
        if {key: value.shape for key, value in entry.items()} != shapes:
            raise ValueError("an optimizer's state does not fit its network")
    state = optimizer.state_dict()
    state["state"] = {
        int(i): {key: torch.from_numpy(value.copy()) for key, value in entry.items()}
        for i, entry in arrays.items()
    }
    optimizer.load_state_dict(state)
