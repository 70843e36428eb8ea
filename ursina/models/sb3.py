"""Actor and critics of stable-baselines3's off-policy algorithms behind arrays: batches in, batches out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.logger import Logger

from calf_gpu.app.models.protocols import Replay
from calf_gpu.app.systems import System

Array = NDArray[np.float64]


class Sb3Model(ABC):
    """An off-policy algorithm's networks, targets and optimizers.

    States and actions come and go in the system's units, values in its rewards; the networks see
    :meth:`System.features`, actions scaled to ±1, and rewards times ``reward_scale``. Randomness comes from a generator
    of this object alone: two models in one process do not disturb each other.

    Attributes
    ----------
    algorithm
        The algorithm of stable-baselines3.
    queries, rows
        How often the critic was asked, and about how many state-action pairs, by purpose. Gradient steps are
        not counted.
    """

    stochastic = False
    algorithm: TD3 | SAC

    def __init__(self, system: System, reward_scale: float, seed: np.random.SeedSequence) -> None:
        # Networks this small lose more to waking a second thread than they gain (64-64, batch 128: 2.4 ms a
        # step with one thread, 2.4-3.5 ms with two, which are then missing for drawing).
        torch.set_num_threads(1)
        self.system = system
        self.queries: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self._reward_scale = reward_scale
        self._action_bound = system.action_high.astype(np.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(seed.generate_state(1)[0]))
            self.algorithm = self._make()
            self._torch_rng = torch.get_rng_state()
        self.algorithm.set_logger(Logger(None, []))

    @abstractmethod
    def _make(self) -> TD3 | SAC:
        """Return the algorithm with fresh networks, drawn from torch's global generator."""

    @abstractmethod
    def _scaled_actions(self, observations: torch.Tensor, explore: bool) -> torch.Tensor:
        """Return the actor's (N, m) actions in ±1."""

    @property
    @abstractmethod
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Optimizers by name."""

    @property
    def version(self) -> int:
        """Number of gradient steps made; the critic changed whenever it grew."""
        return self.algorithm._n_updates

    @property
    def finite(self) -> bool:
        """Whether all weights, those of the target networks too, and all that the optimizers keep are finite."""
        kept = (
            value
            for optimizer in self._optimizers.values()
            for entry in optimizer.state.values()
            for value in entry.values()
        )
        tensors = [*self._networks().values(), *kept]
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)

    def actions(self, states: Array) -> Array:
        """Return the actor's (N, m) actions for (N, d) states, in one batch and without exploration."""
        with torch.inference_mode():
            scaled = self._scaled_actions(self._observations(states), explore=False)
        return (scaled.numpy() * self._action_bound).astype(np.float64)

    def proposals(self, states: Array) -> Array:
        """Return the (N, m) actions that training proposes: drawn where the actor is a distribution."""
        if not self.stochastic:
            return self.actions(states)
        with torch.inference_mode(), self._own_torch_rng():
            scaled = self._scaled_actions(self._observations(states), explore=True)
        return (scaled.numpy() * self._action_bound).astype(np.float64)

    def q_values(self, states: Array, actions: Array, purpose: str) -> Array:
        """Return (N,) min(Q1, Q2) at (N, d) states and (N, m) actions, in one batch, counted by purpose."""
        self.queries[purpose] += 1
        self.rows[purpose] += len(states)
        scaled = torch.from_numpy((actions / self._action_bound).astype(np.float32))
        with torch.inference_mode():
            pairs = torch.cat([self._observations(states), scaled], dim=1)
            first, second = (network(pairs) for network in self.algorithm.critic.q_networks)
            return torch.minimum(first, second)[:, 0].numpy().astype(np.float64) / self._reward_scale

    def gradient_step(self, replay: Replay, batch_size: int) -> dict[str, float]:
        """Train once on a batch; return the losses, of scaled rewards, by name."""
        self.algorithm.replay_buffer = cast(Any, replay)  # sampling is all that they ask of it
        with self._own_torch_rng():
            self.algorithm.train(gradient_steps=1, batch_size=batch_size)
        values = self.algorithm.logger.name_to_value
        losses = {
            name: float(values[f"train/{name}_loss"])
            for name in ("critic", "actor")
            if f"train/{name}_loss" in values
        }
        values.clear()
        return losses

    def _observations(self, states: Array) -> torch.Tensor:
        return torch.from_numpy(self.system.features(states).astype(np.float32))

    @contextmanager
    def _own_torch_rng(self) -> Iterator[None]:
        """Let torch's global generator continue from this model's own state meanwhile."""
        others = torch.get_rng_state()
        torch.set_rng_state(self._torch_rng)
        try:
            yield
        finally:
            self._torch_rng = torch.get_rng_state()
            torch.set_rng_state(others)

    def _networks(self) -> dict[str, torch.Tensor]:
        """Return everything learnt by name; the tensors are the live ones."""
        return dict(self.algorithm.policy.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Return networks, optimizers and generator as arrays and JSON values.

        The arrays are views of the live ones: write or copy them before the next gradient step.
        """
        return {
            "networks": {name: value.detach().numpy() for name, value in self._networks().items()},
            "optimizers": {name: _optimizer_arrays(each) for name, each in self._optimizers.items()},
            "torch_rng": self._torch_rng.numpy(),
            "gradient_steps": self.version,
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from a :meth:`state_dict` of the same system, algorithm and sizes.

        Raises
        ------
        ValueError
            If weights are not finite, or sizes do not fit.
        """
        own = self._networks()
        for name, value in saved["networks"].items():
            if own[name].shape != value.shape:
                raise ValueError(f"the sizes of its networks do not fit: {name}")
        with torch.no_grad():
            for name, value in saved["networks"].items():
                own[name].copy_(torch.from_numpy(value))
        for name, optimizer in self._optimizers.items():
            _load_optimizer(optimizer, saved["optimizers"][name])
        if not self.finite:
            raise ValueError("its weights are not finite")
        self._torch_rng = torch.from_numpy(saved["torch_rng"].copy())
        self.algorithm._n_updates = saved["gradient_steps"]


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
