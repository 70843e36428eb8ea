"""What the stabilizer makes of a system by itself: the line that learning has to get above."""

from __future__ import annotations

import numpy as np

from calf_gpu.app.systems import System

EPISODES = 64
"""Starts over which the mean is taken."""


def stabilizer_return(system: System, seed: int) -> float:
    """Return the mean return of π₀, over :data:`EPISODES` random starts; its actions are held as in training."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    states = system.sample_start(EPISODES, rng)
    running = np.ones(EPISODES, np.bool_)
    returns, steps = np.zeros(EPISODES), np.zeros(EPISODES, np.int64)
    while running.any():
        if steps[0] % system.hold == 0:
            actions = system.nominal_action(states)
        outcome = system.transition(states, actions, steps)
        returns += np.where(running, outcome.rewards, 0.0)
        running &= ~(outcome.terminated | outcome.truncated)
        states, steps = outcome.states, steps + 1
    return float(returns.mean())
