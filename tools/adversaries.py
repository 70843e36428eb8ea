"""Networks and critics that mean harm, to see what the CALF check keeps of its promise under them (TD3)."""

from __future__ import annotations

import numpy as np
import torch
from stable_baselines3 import SAC, TD3

from calf_gpu.app.models.sb3 import Sb3Model
from calf_gpu.app.systems import System
from calf_gpu.app.training.calf import Calf
from calf_gpu.app.training.learner import Learner


def _algorithm(learner: Learner) -> TD3 | SAC:
    """Return what holds the networks."""
    assert isinstance(learner.model, Sb3Model)
    return learner.model.algorithm


def scramble(learner: Learner, scale: float, seed: int) -> None:
    """Give a learner's networks large random weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in (_algorithm(learner).actor, _algorithm(learner).critic):
            for parameter in network.parameters():
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))


def away(system: System, states: np.ndarray) -> np.ndarray:
    """Return the (N, m) actions that lead away from the goal: the stabilizer's, turned round."""
    actions = -system.nominal_action(states)
    flat = np.abs(actions).sum(axis=1) < 0.5
    return np.where(flat[:, None], system.action_high, actions)


def teach_to_flee(learner: Learner, seed: int, steps: int = 300) -> None:
    """Train actor and critics to drive away from the goal, and to value it the more the farther that gets.

    Values stay within κ and keep the budget for long: −Q falls with the distance to the goal, from a high price.
    """
    system, model = learner.system, _algorithm(learner)
    rng = np.random.default_rng(seed)
    bound = np.array(system.state_bound)
    parameters = [*model.actor.parameters(), *model.critic.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=3e-3)
    scale = learner.parameters.reward_scale
    for _ in range(steps):
        states = rng.uniform(-bound, bound, (256, system.state_dim))
        actions = away(system, states) / system.action_high
        features = torch.from_numpy(system.features(states).astype(np.float32))
        wanted = torch.from_numpy(actions.astype(np.float32))
        distance = system.distance(states)
        price = 2000.0 * scale * np.exp(-distance / 2.0) + scale
        target = torch.from_numpy(-price.astype(np.float32))[:, None]
        loss = (model.actor(features) - wanted).square().mean()
        for value in model.critic(features, wanted):
            loss = loss + ((value - target) / scale / 100.0).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


class Spite:
    """A critic that always answers what gets the worst action certified, as long as any answer does.

    It knows the check from inside: the value is the least that is required, within κ.
    """

    def __init__(self, calf: Calf) -> None:
        self.calf = calf

    def __call__(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """Return (N,) values."""
        low, high = self.calf.kappa(self.calf.system.distance(states))
        required = np.nan_to_num(self.calf.required(), nan=-np.inf)
        return np.clip(required + 1e-9 * np.abs(np.nan_to_num(required, neginf=0.0)), -high, -low)
