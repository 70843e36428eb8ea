"""Frame states for tests of the scenes: made up, without a critic or a simulation."""

from __future__ import annotations

import numpy as np
from calf_gpu.app.training.frame_state import FrameState, TrainingStats


def make_stats(**values) -> TrainingStats:
    defaults = {
        "episode": 3,
        "total_steps": 710,
        "episode_reward": -128.5,
        "episode_length": 71,
        "mean_reward_10": -90.0,
        "success_rate": 0.4,
        "noise": 0.5,
        "buffer_size": 710,
        "critic_loss": 7.1,
        "actor_loss": 28.6,
        "relax_probability": 0.47,
        "certification_rate": 0.5,
        "intervention_rate": 0.2,
        "relax_rate": 0.3,
        "q_value": -24.7,
        "q_before": -20.0,
        "q_certified": -20.0,
        "nu_bar": 0.01,
        "state_norm": 2.2,
        "kappa_low": 0.05,
        "kappa_up": 4904.0,
        "kappa_coefficients": (0.01, 1000.0),
        "phase": "training",
        "swarm_policy": "calf",
    }
    return TrainingStats(**{**defaults, **values})


def bowl(size: int = 21, tilt: float = 0.0) -> np.ndarray:
    """Critic values of a plausible shape: 0 near the goal, steep at the edge."""
    axis = np.linspace(-3.5, 3.5, size)
    a0, a1 = np.meshgrid(axis, axis)
    q = -(1 + 2 * a0**2 + 1.5 * a1**2 + a0 * a1 + tilt * a0 + 3 * np.sin(1.5 * a0) * np.cos(1.2 * a1))
    return q.astype(np.float32)


def make_frame(
    step: int, states, modes=None, respawned=None, q_grid=None, q_version: int = 0, **values
) -> FrameState:
    """A frame whose first state is the training agent's and the rest the swarm's."""
    states = np.asarray(states, np.float32)
    count = len(states)
    modes = np.zeros(count, np.uint8) if modes is None else np.asarray(modes, np.uint8)
    respawned = np.zeros(count, bool) if respawned is None else np.asarray(respawned, bool)
    return FrameState(
        step=step,
        q_grid=bowl() if q_grid is None else q_grid,
        q_version=q_version,
        states=states[1:],
        modes=modes[1:],
        respawned=respawned[1:],
        training_state=states[0],
        training_mode=int(modes[0]),
        training_respawned=bool(respawned[0]),
        stats=make_stats(),
        **values,
    )
