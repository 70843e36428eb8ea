"""TD3 (Fujimoto et al., arXiv 1802.09477) as stable-baselines3 trains it."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3 import TD3

from calf_gpu.app.models.sb3 import Sb3Model
from calf_gpu.app.systems import System
from calf_gpu.app.systems.environment import SystemEnvironment


class TD3Model(Sb3Model):
    """Deterministic actor, twin critics and their targets; noise for exploration is added by whoever trains."""

    algorithm: TD3

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

    def _make(self) -> TD3:
        return TD3(
            "MlpPolicy",
            SystemEnvironment(self.system),
            buffer_size=1,  # batches come from a buffer of our own
            # One fused kernel instead of a dozen small ones per parameter: a fifth of the step's time.
            policy_kwargs={"net_arch": self._hidden_layers, "optimizer_kwargs": {"fused": True}},
            learning_rate=self._learning_rate,
            gamma=self._discount,
            tau=self._target_rate,
            device="cpu",
        )

    def _scaled_actions(self, observations: torch.Tensor, explore: bool) -> torch.Tensor:
        return self.algorithm.actor.mu(observations)

    @property
    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor": self.algorithm.actor.optimizer, "critic": self.algorithm.critic.optimizer}
