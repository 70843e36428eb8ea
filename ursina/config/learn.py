"""Options of learning. What is not given is what suits the system, or else the constants of training/learner.py."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Integer, Integers, Number


@dataclass(frozen=True)
class LearnOptions(Room):
    """Who learns and how, and how it explores; None takes what suits the system."""

    algorithm: Literal["td3", "sac"] | None = None
    """Who learns, both as stable-baselines3 has them: TD3 (the default) or SAC."""

    training_agents: Annotated[int | None, Integer(1, 1024)] = None
    """Agents that gather experience at the same time; the first of them is the one shown."""

    gradient_steps: Annotated[int | None, Integer(0, 1000)] = None
    """Gradient steps after each decision of all training agents."""

    hidden_layers: Annotated[tuple[int, ...] | None, Integers(1, 4096, most=8)] = None
    """Widths of the hidden layers of actor and critics."""

    learning_rate: Annotated[float | None, Number(1e-8, 1.0)] = None
    """Step size of Adam, for actor and critics."""

    batch_size: Annotated[int | None, Integer(1, 1_000_000)] = None
    """Transitions per gradient step; training begins when the buffer holds as many."""

    buffer_size: Annotated[int | None, Integer(1, 10_000_000)] = None
    """Transitions kept in the replay buffer."""

    discount: Annotated[float | None, Number(0.0, 1.0)] = None
    """γ per decision."""

    return_steps: Annotated[int | None, Integer(1, 10_000)] = None
    """Decisions whose rewards a target counts before the target critic's value (n-step returns)."""

    target_rate: Annotated[float | None, Number(0.0, 1.0)] = None
    """τ of the target networks."""

    reward_scale: Annotated[float | None, Number(1e-6, 1e6)] = None
    """Factor of rewards for learning; losses are in scaled units, Q and the CALF bounds are not."""

    noise_start: Annotated[float | None, Number(0.0, 10.0)] = None
    """Standard deviation of TD3's exploration noise at first, as a fraction of the action bound; SAC needs none."""

    noise_end: Annotated[float | None, Number(0.0, 10.0)] = None
    """Standard deviation that the noise falls to."""

    noise_time: Annotated[float | None, Number(0.0, 1e6)] = None
    """Correlation time of the noise in seconds; 0 makes it independent from decision to decision."""

    noise_steps: Annotated[int | None, Integer(1, 1_000_000_000)] = None
    """Steps of all training agents together over which the noise falls, linearly."""

    def given(self) -> dict[str, Any]:
        """Return the options that were given, by name."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
