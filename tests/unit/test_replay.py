"""The replay buffer against a list of transitions walked one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.training.replay import ReplayBuffer


def expected(history, row, agent, n, discount):
    """Return reward, discount, done and last row of the n-step return from one transition, in plain Python."""
    total, weight = 0.0, 1.0
    for k in range(row, row + n):
        _, rewards, terminated, truncated = history[k]
        total += weight * rewards[agent]
        weight *= discount
        if terminated[agent] or truncated[agent] or k == len(history) - 1:
            break
    return total, weight, float(history[k][2][agent]), k


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 9),
    agents=st.integers(1, 4),
    added=st.integers(1, 30),
    n=st.integers(1, 6),
    seed=st.integers(0, 999),
)
def test_batches_are_n_step_returns_of_what_is_kept(rows, agents, added, n, seed):
    rng = np.random.default_rng(seed)
    buffer = ReplayBuffer(rows * agents, agents, 2, 1, n, 0.5, np.random.default_rng(seed))
    history = []
    for k in range(added):
        observations = np.stack([np.full(agents, k), np.arange(agents)], axis=1)
        rewards, ends = rng.normal(size=agents), rng.random(agents)
        terminated, truncated = ends < 0.2, (ends >= 0.2) & (ends < 0.35)
        history.append((observations, rewards, terminated, truncated))
        buffer.add(observations, observations + 0.5, observations[:, :1] * 2, rewards, terminated, truncated)
    assert buffer.size() == min(added, rows) * agents
    batch = buffer.sample(64)
    seen = set()
    for i in range(64):
        row, agent = (int(x) for x in batch.observations[i])
        assert added - rows <= row < added  # only what is kept
        seen.add((row, agent))
        total, weight, done, last = expected(history, row, agent, n, 0.5)
        assert batch.rewards[i, 0] == pytest.approx(total, rel=1e-5, abs=1e-6)
        assert batch.discounts[i, 0] == pytest.approx(weight)
        assert batch.dones[i, 0] == done
        assert batch.next_observations[i].tolist() == [last + 0.5, agent + 0.5]
        assert batch.actions[i, 0] == 2 * row
    assert len(seen) > min(buffer.size(), 64) // 3


def test_every_transition_is_drawn_as_often():
    buffer = ReplayBuffer(40, 4, 1, 1, 3, 0.9, np.random.default_rng(0))
    no = np.zeros(4, np.bool_)
    for k in range(10):
        ids = np.arange(4.0)[:, None] + 4 * k
        buffer.add(ids, ids, ids, np.zeros(4), no, no)
    counts = np.bincount(buffer.sample(40_000).observations[:, 0].numpy().astype(int), minlength=40)
    assert np.abs(counts - 1000).max() < 150
