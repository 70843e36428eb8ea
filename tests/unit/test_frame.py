"""Frames that nobody has seen are joined: no step is lost in between, and where some are, no trail bridges the gap."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.stream.frame import MAX_STEPS, Frame, Grid, Step, join, steps_after, without_steps


def frame(number: int, agents: int = 6, respawned=(), grid: bool = True) -> Frame:
    """A frame whose every number is made from its own, so that a mixture of two is noticed."""
    starts = np.isin(np.arange(agents), respawned)
    states = np.full((agents, 2), number, np.float32) + np.arange(agents, dtype=np.float32)[:, None] / 1000
    values = np.full((3, 3), number // 3, np.float32)
    return Frame(
        number,
        Step(states, np.full(agents, number % 3, np.uint8), starts),
        np.array([number, -number], np.float64),
        Grid(number // 3, values) if grid else None,
    )


def steps(shown: Frame) -> list[Step]:
    return [*shown.earlier, shown.now]


def starts(step: Step) -> list[int]:
    return np.flatnonzero(step.respawned).tolist()


def test_the_steps_between_come_along_oldest_first():
    joined = frame(0)
    for number in (1, 2, 3):
        joined = join(joined, frame(number, respawned=[number]))
    assert joined.number == 3
    assert [step.states[0, 0] for step in steps(joined)] == [0, 1, 2, 3]
    assert [starts(step) for step in steps(joined)] == [[], [1], [2], [3]]
    assert [step.modes[0] for step in steps(joined)] == [0, 1, 2, 0]
    assert joined.numbers.tolist() == [3, -3], "the newest numbers count"


def test_the_newest_critic_counts_and_the_one_before_where_it_did_not_change():
    assert join(frame(2), frame(3)).grid.version == 1
    assert join(frame(5), frame(6, grid=False)).grid.version == 1
    assert join(frame(5, grid=False), frame(6)).grid.version == 2
    assert join(frame(5, grid=False), frame(6, grid=False)).grid is None


def test_a_frame_published_again_replaces_the_first_of_its_step():
    before = join(frame(4), frame(5, respawned=[2]))
    again = Frame(5, frame(5, respawned=[4]).now, np.array([7.0, 8.0]), None)
    joined = join(before, again)
    assert (joined.number, len(joined.earlier)) == (5, 1)
    assert starts(joined.now) == [2, 4], "an episode that started is not forgotten"
    assert joined.numbers.tolist() == [7, 8]
    assert joined.grid is before.grid


def test_after_a_gap_every_trail_is_broken_once():
    joined = frame(0)
    for number in range(1, 200):
        joined = join(joined, frame(number))
    kept = steps(joined)
    assert len(kept) == MAX_STEPS
    assert [int(step.states[0, 0]) for step in kept] == list(range(200 - MAX_STEPS, 200))
    assert kept[0].respawned.all()
    assert not any(step.respawned.any() for step in kept[1:])


def test_as_many_steps_as_a_frame_holds_are_kept_without_a_gap():
    joined = frame(0)
    for number in range(1, MAX_STEPS):
        joined = join(joined, frame(number))
    assert len(steps(joined)) == MAX_STEPS
    assert not joined.earlier[0].respawned.any()


@pytest.mark.parametrize("agents", [4, 9])
def test_a_changed_number_of_agents_keeps_the_starts_of_those_that_stay(agents):
    older = join(frame(0, respawned=[0]), frame(1, respawned=[3, 5]))
    joined = join(older, frame(2, agents, respawned=[1]))
    assert joined.earlier == ()
    expected = {0, 1, 3, 5} | set(range(6, agents))
    assert starts(joined.now) == sorted(place for place in expected if place < agents)


def test_a_number_of_agents_that_changed_twice_marks_all_that_may_be_others():
    joined = join(join(frame(0, 6), frame(1, 2)), frame(2, 6))
    assert starts(joined.now) == [2, 3, 4, 5], "those that left came back as others"


def test_joining_leaves_the_frames_as_they_are():
    first, second = frame(0, respawned=[1]), frame(1, 8, respawned=[2])
    join(first, second)
    join(first, frame(0, respawned=[3]))
    assert starts(first.now) == [1] and starts(second.now) == [2]


@pytest.mark.parametrize(
    ("seen", "new"), [(-1, [2, 3, 4]), (1, [2, 3, 4]), (2, [3, 4]), (3, [4]), (4, []), (9, [2, 3, 4])]
)
def test_steps_that_were_seen_are_not_shown_again(seen, new):
    shown = join(join(frame(2), frame(3)), frame(4))
    assert [int(step.states[0, 0]) for step in steps_after(shown, seen)] == new


def test_a_step_that_is_published_again_before_the_next_is_joined_once():
    joined = join(frame(1), join(Frame(1, frame(1).now, np.zeros(2)), frame(2)))
    assert [int(step.states[0, 0]) for step in steps(joined)] == [1, 2]


def test_as_a_start_a_frame_has_no_past():
    shown = without_steps(join(frame(0), frame(1)))
    assert (shown.number, shown.earlier, shown.grid.version) == (1, (), 0)
    assert shown.now.respawned.all()
    assert shown.numbers.tolist() == [1, -1]


# -- against a plain model of what trails do ---------------------------------------------------------------

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.sets(st.integers(0, 5))),
        st.tuples(st.just("again"), st.none()),
        st.tuples(st.just("agents"), st.integers(1, 6)),
    ),
    max_size=150,
)


@settings(deadline=None, max_examples=200)
@given(EVENTS, st.randoms(use_true_random=False), st.integers(0, 5))
def test_no_trail_ever_joins_two_episodes_however_frames_are_joined(events, random, most):
    """The run's own history says which agents started when; the viewer's trails must break at least there."""
    frames, lives = [frame(0, 4)], []
    lives.append(list(range(4)))  # who is who: a new number for each episode of each agent
    names = 4
    for what, value in events:
        number, alive = frames[-1].number, list(lives[-1])
        started = []
        if what == "step":
            number += 1
            started = [place for place in value if place < len(alive)]
        elif what == "agents":
            number += random.randrange(2)
            started = list(range(len(alive), value))
            alive = alive[:value] + [-1] * (value - len(alive))
        for place in started:
            alive[place] = names = names + 1
        lives.append(alive)
        frames.append(frame(number, len(alive), started))

    def folded(group: list[Frame]) -> Frame:
        return functools.reduce(join, group)

    seen: tuple[int, list[int]] | None = None  # step and who stood where, as the viewer saw it
    first = 0
    while first < len(frames):
        last = min(first + 1 + random.randrange(most * 20 + 1), len(frames))
        middle = random.randrange(first, last)  # some wait in the run's process, some in the viewer's
        sent = [folded(part) for part in (frames[first:middle], frames[middle:last]) if part]
        kept = steps(folded(sent))
        numbers = [int(step.states[0, 0]) for step in kept]
        assert len(kept) <= MAX_STEPS
        assert {len(step.modes) for step in kept} == {len(lives[last - 1])}
        assert (numbers == sorted(set(numbers))) and numbers[-1] == frames[last - 1].number
        if len({shown.agents for shown in frames[first:last]}) == 1:
            all_numbers = range(frames[first].number, numbers[-1] + 1)
            assert numbers == list(all_numbers[-MAX_STEPS:]), "nothing is lost for no reason"
        for number, step in zip(numbers, kept, strict=True):
            known = zip(frames[:last], lives[:last], strict=True)
            alive = [
                who for shown, who in known if shown.number == number and shown.agents == len(step.modes)
            ]
            if seen is not None and seen[0] < number:
                for place, (who, before) in enumerate(zip(alive[-1], seen[1], strict=False)):
                    assert who == before or step.respawned[place], (number, place)
            seen = number, alive[-1]
        first = last
