"""SAC (Haarnoja et al., arXiv 1801.01290, 1812.05905) as stable-baselines3 trains it."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3 import SAC

from calf_gpu.app.models.sb3 import Sb3Model
from calf_gpu.app.systems import System
from calf_gpu.app.systems.environment import SystemEnvironment


class SACModel(Sb3Model):
    """Gaussian actor, twin critics, their targets and the temperature; explores by drawing from the actor.

    :meth:`actions` are the actor's means; values include what SAC pays for entropy.
    """

    algorithm: SAC
    stochastic = True

    def __init__(
        self,
        system: System,
        hidden_layers: tuple[int, ...],
        learning_rate: float,
        discount: float,
        target_rate: float,
        reward_scale: float,
        seed: np.random.SeedSequence,
    ) -> None:
        self._hidden_layers = list(hidden_layers)
        self._learning_rate = learning_rate
        self._discount = discount
        self._target_rate = target_rate
        super().__init__(system, reward_scale, seed)

    def _make(self) -> SAC:
        return SAC(
            "MlpPolicy",
            SystemEnvironment(self.system),
            buffer_size=1,  # batches come from a buffer of our own
            policy_kwargs={"net_arch": self._hidden_layers, "optimizer_kwargs": {"fused": True}},
            learning_rate=self._learning_rate,
            gamma=self._discount,
            tau=self._target_rate,
            device="cpu",
        )

    def _scaled_actions(self, observations: torch.Tensor, explore: bool) -> torch.Tensor:
        return self.algorithm.actor(observations, deterministic=not explore)

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        temperature = self.algorithm.ent_coef_optimizer
        assert temperature is not None  # the temperature is learnt
        return {
            "actor": self.algorithm.actor.optimizer,
            "critic": self.algorithm.critic.optimizer,
            "temperature": temperature,
        }

    def _networks(self) -> dict[str, torch.Tensor]:
        temperature = self.algorithm.log_ent_coef
        assert temperature is not None
        return super()._networks() | {"log_temperature": temperature}
