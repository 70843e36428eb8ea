"""Options of learning: the constants of TD3 and of the exploration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from calf_gpu.app.config.room import Room
from calf_gpu.app.config.rules import Integer, Integers, Number


@dataclass(frozen=True)
class LearnOptions(Room):
    """Constants of TD3 and of the exploration."""

    hidden_layers: Annotated[tuple[int, ...], Integers(1, 4096, most=8)] = (64, 64)
    """Widths of the hidden layers of actor and critics."""

    learning_rate: Annotated[float, Number(1e-8, 1.0)] = 1e-3
    """Step size of Adam, for actor and critics."""

    batch_size: Annotated[int, Integer(1, 1_000_000)] = 128
    """Transitions per gradient step; training begins when the buffer holds as many."""

    buffer_size: Annotated[int, Integer(1, 10_000_000)] = 100_000
    """Transitions kept in the replay buffer."""

    discount: Annotated[float, Number(0.0, 1.0)] = 0.998
    """γ per step: looks 5 s ahead at dt = 0.01, about as long as an episode lasts."""

    return_steps: Annotated[int, Integer(1, 10_000)] = 20
    """Steps of rewards in a target before the target critic's value (n-step returns, Sutton & Barto, ch. 7).
    With steps this short one-step targets need far more than a hundred episodes to carry the goal's value back."""

    target_rate: Annotated[float, Number(0.0, 1.0)] = 0.005
    """τ of the target networks."""

    reward_scale: Annotated[float, Number(1e-6, 1e6)] = 10.0
    """Factor of rewards for learning; Q, losses and the CALF bounds are in scaled units."""

    warmup_steps: Annotated[int, Integer(0, 1_000_000_000)] = 1000
    """First steps, in which the nominal policy explores."""

    noise_start: Annotated[float, Number(0.0, 10.0)] = 0.5
    """Standard deviation of the exploration noise at first, as a fraction of the action bound."""

    noise_end: Annotated[float, Number(0.0, 10.0)] = 0.05
    """Standard deviation that the noise falls to."""

    noise_time: Annotated[float, Number(1e-6, 1e6)] = 0.2
    """Correlation time of the noise in seconds (Ornstein-Uhlenbeck process, Lillicrap et al., arXiv 1509.02971):
    at steps this short the effects of independent noise cancel before the state shows any."""

    noise_steps: Annotated[int, Integer(1, 1_000_000_000)] = 20_000
    """Steps over which the noise falls, linearly."""
