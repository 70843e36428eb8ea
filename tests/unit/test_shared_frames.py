"""Frame states come out of shared memory whole, in order, and never torn."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from calf_gpu.app.training.frame_state import FrameState, SwarmStep, TrainingStats
from calf_gpu.app.training.shared_frames import SharedFrames, SharedLayout

LAYOUT = SharedLayout(capacity=50, state_dim=3, grid_size=9, steps=8)


def frame(step: int, count: int = 20, layout: SharedLayout = LAYOUT) -> FrameState:
    """A state whose every number is made from its step, so that a mixture of two is noticed."""
    stats = TrainingStats(
        **{
            field.name: float(step) if field.name not in ("episode", "total_steps") else step
            for field in fields(TrainingStats)
            if field.name not in ("kappa_coefficients", "phase", "swarm_policy")
        },
        kappa_coefficients=(0.01, float(step)),
        phase="training",
        swarm_policy="td3",
    )
    return FrameState(
        step=step,
        q_grid=np.full((layout.grid_size, layout.grid_size), step // 3, np.float32),
        q_version=step // 3,
        states=np.full((count, layout.state_dim), step, np.float32),
        modes=np.full(count, step % 3, np.uint8),
        respawned=np.arange(count) % 5 == step % 5,
        training_state=np.full(layout.state_dim, -step, np.float32),
        training_mode=(step + 1) % 3,
        training_respawned=step % 7 == 0,
        stats=stats,
    )


def assert_step(actual: SwarmStep | FrameState, expected: FrameState, respawned: bool = True) -> None:
    for name in ("states", "modes", "training_state"):
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))
    assert actual.training_mode == expected.training_mode
    if respawned:
        np.testing.assert_array_equal(actual.respawned, expected.respawned)
        assert actual.training_respawned == expected.training_respawned


@pytest.fixture
def pair():
    reader = SharedFrames.create(LAYOUT)
    writer = SharedFrames.attach(reader.name, LAYOUT)
    yield writer, reader
    writer.close()
    reader.close()


def test_nothing_is_read_before_something_is_published(pair):
    _, reader = pair
    assert reader.read() is None


def test_a_published_state_is_read_back(pair):
    writer, reader = pair
    writer.publish(frame(0))
    got = reader.read()
    assert got is not None
    assert_step(got, frame(0))
    np.testing.assert_array_equal(got.q_grid, frame(0).q_grid)
    assert (got.step, got.q_version, got.stats, got.earlier) == (0, 0, frame(0).stats, ())
    assert reader.read() is None


def test_the_steps_between_two_reads_come_along_oldest_first(pair):
    writer, reader = pair
    writer.publish(frame(0))
    reader.read()
    for step in range(1, 4):
        writer.publish(frame(step))
    got = reader.read()
    assert got is not None and got.step == 3 and len(got.earlier) == 2
    for step, earlier in enumerate(got.earlier, 1):
        assert_step(earlier, frame(step))
    assert_step(got, frame(3))


def test_after_a_gap_every_trail_is_broken_once(pair):
    writer, reader = pair
    writer.publish(frame(0))
    reader.read()
    for step in range(1, 30):
        writer.publish(frame(step))
    got = reader.read()
    assert got is not None and got.step == 29
    steps = [*got.earlier, got]
    assert len(steps) == LAYOUT.steps - 1
    assert steps[0].respawned.all() and steps[0].training_respawned
    for step, copy in zip(range(30 - len(steps), 30), steps, strict=True):
        assert_step(copy, frame(step), respawned=step > 30 - len(steps))


def test_a_changed_number_of_agents_keeps_the_starts_of_those_that_stay(pair):
    writer, reader = pair
    writer.publish(frame(0, 20))
    reader.read()
    writer.publish(frame(1, 20))
    writer.publish(frame(2, 30))
    got = reader.read()
    assert got is not None and got.earlier == () and len(got.states) == 30
    expected = frame(2, 30).respawned
    expected[:20] |= frame(1, 20).respawned
    expected[20:] = True
    np.testing.assert_array_equal(got.respawned, expected)


def test_a_copy_stays_as_it_was(pair):
    writer, reader = pair
    writer.publish(frame(0))
    got = reader.read()
    for step in range(1, 40):
        writer.publish(frame(step))
    assert got is not None
    assert_step(got, frame(0))
    np.testing.assert_array_equal(got.q_grid, frame(0).q_grid)


def test_a_state_published_again_replaces_the_first_of_its_step(pair):
    writer, reader = pair
    writer.publish(frame(0))
    writer.publish(frame(1))
    writer.publish(replace(frame(1), stats=frame(9).stats))
    got = reader.read()
    assert got is not None and got.step == 1 and got.stats == frame(9).stats
    assert len(got.earlier) == 1
    assert_step(got.earlier[0], frame(0))
    assert_step(got, frame(1))


def test_too_many_agents_are_refused(pair):
    writer, _ = pair
    with pytest.raises(ValueError, match="51 agents do not fit"):
        writer.publish(frame(0, 51))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system does this")
def test_no_room_for_the_memory_is_one_line_and_leaves_none(monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    before = set(Path("/dev/shm").iterdir())
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"^no shared memory for 10 agents: \d+ MB: No space left on device$"):
        SharedFrames.create(SharedLayout(10, 2, 5))
    assert set(Path("/dev/shm").iterdir()) <= before


def test_the_memory_is_gone_after_close():
    owner = SharedFrames.create(LAYOUT)
    name = owner.name
    owner.close()
    owner.close()
    with pytest.raises(FileNotFoundError):
        SharedFrames.attach(name, LAYOUT)


def write_forever(name: str, layout: SharedLayout, seconds: float) -> None:
    writer = SharedFrames.attach(name, layout)
    end = time.monotonic() + seconds
    step = 0
    while time.monotonic() < end:
        writer.publish(frame(step, 5 + step // 1000 % 40, layout))
        step += 1
    writer.close()


@pytest.mark.parametrize("seconds", [1.5, pytest.param(30.0, marks=pytest.mark.slow)])
def test_no_state_is_ever_torn_while_the_writer_runs_flat_out(seconds):
    """The writer laps the reader all the time: few slots, no pause."""
    layout = SharedLayout(capacity=50, state_dim=3, grid_size=33, steps=4, grids=2)
    reader = SharedFrames.create(layout)
    process = multiprocessing.get_context("spawn").Process(
        target=write_forever, args=(reader.name, layout, seconds)
    )
    process.start()
    seen, last = 0, -1
    while process.is_alive():
        got = reader.read()
        if got is None:
            continue
        assert got.step > last
        assert_step(got, frame(got.step, len(got.states), layout), respawned=False)
        assert (got.q_grid == got.q_version).all() and got.q_version == got.step // 3
        assert got.stats == frame(got.step).stats
        steps = {int(step.states[0, 0]) for step in got.earlier}
        assert all((step.states == step.states[0, 0]).all() for step in got.earlier)
        assert all(last < step < got.step for step in steps)
        last, seen = got.step, seen + 1
    process.join()
    reader.close()
    assert process.exitcode == 0
    assert seen > 10
