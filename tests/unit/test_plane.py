"""Where the plane of a run stands in the picture: any units, any extent, angles that wrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.app.stream.frame import Step
from calf_gpu.app.stream.header import Axis, Goal
from calf_gpu.app.visuals.plane import HALF, Plane
from scene_frames import make_header

ANGLE = Axis("θ", "angle θ", "rad", -np.pi, np.pi, wraps=True)
RATE = Axis("ω", "rate ω", "rad/s", -8.0, 8.0)


def plane(*axes: Axis, goal: Goal | None = None, **changes) -> Plane:
    changes = {"plane": (0, 1), "heading": None} | changes
    return Plane(make_header(axes=axes, goal=goal, **changes))


def step(states, modes=None, respawned=None) -> Step:
    states = np.asarray(states, np.float32)
    count = len(states)
    modes = np.zeros(count, np.uint8) if modes is None else np.asarray(modes, np.uint8)
    respawned = np.zeros(count, bool) if respawned is None else np.asarray(respawned, bool)
    return Step(states, modes, respawned)


def test_what_fits_the_square_stays_to_the_last_bit():
    mine = plane(Axis("x", "x", "m", -HALF, HALF), Axis("v", "v", "m/s", -HALF, HALF))
    points = np.random.default_rng(0).normal(0, 2, (50, 2)).astype(np.float32)
    np.testing.assert_array_equal(mine.points(step(points)), points)
    assert mine.extent == (-HALF, HALF, -HALF, HALF)
    assert mine.grid_lines() == ((0.5, 0.5), (0.0, 0.0))


@given(st.floats(-1e3, 1e3), st.floats(1e-2, 1e3), st.floats(-1e3, 1e3), st.floats(1e-2, 1e3), st.booleans())
def test_planes_of_any_extent_fill_the_square_and_equal_units_keep_their_proportions(
    x, width, y, height, same
):
    axes = Axis("a", "a", "m", x, x + width), Axis("b", "b", "m" if same else "s", y, y + height)
    mine = plane(*axes)
    x0, x1, y0, y1 = mine.extent
    assert (x0 + x1, y0 + y1) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert max(x1 - x0, y1 - y0) == pytest.approx(2 * HALF)
    if same:
        assert (x1 - x0) / (y1 - y0) == pytest.approx(width / height)
    else:
        assert min(x1 - x0, y1 - y0) == pytest.approx(2 * HALF)


def test_ticks_are_round_and_where_their_values_are():
    mine = plane(ANGLE, RATE)
    for axis, low, high in ((0, -np.pi, np.pi), (1, -8.0, 8.0)):
        ticks = mine.ticks(axis)
        assert 3 <= len(ticks) <= 9
        values, places = np.array(ticks).T
        np.testing.assert_allclose(places, values / high * HALF)
        assert low <= values[0] and values[-1] <= high
    (first, second), zero = mine.grid_lines()
    assert zero == (0.0, 0.0)
    assert (first * np.pi / HALF, second * 8.0 / HALF) == pytest.approx((0.5, 2.0))


def test_an_agent_stands_where_the_critic_is_valued_for_it():
    mine = plane(
        Axis("a", "a", "m", 10.0, 20.0), Axis("b", "b", "s", -1.0, 0.0), Axis("c", "c", "", 0.0, 1.0)
    )
    x0, x1, y0, y1 = mine.extent
    corners = mine.points(step([[10, -1, 7], [20, 0, 7], [15, -0.5, 7]]))
    np.testing.assert_allclose(corners, [[x0, y0], [x1, y1], [0, 0]], atol=1e-6)


def test_other_axes_can_be_shown_and_the_goal_goes_with_them():
    axes = Axis("a", "a", "m", -1.0, 1.0), Axis("b", "b", "s", -2.0, 2.0), Axis("c", "c", "K", 0.0, 10.0)
    mine = plane(*axes, plane=(2, 0), goal=Goal((0.5, 0.0, 10.0), 0.1))
    assert mine.points(step([[1.0, 9.0, 0.0]])).tolist() == [[-HALF, HALF]]
    center, radius = mine.goal(Goal((0.5, 0.0, 10.0), 0.1))
    assert center == pytest.approx((HALF, 0.5 * HALF))
    assert radius == pytest.approx(0.1 * HALF / 5.0)


def test_trails_break_where_an_angle_wraps_and_nowhere_else():
    mine = plane(ANGLE, RATE)
    before = step([[3.1, 0.0], [3.1, 0.0], [-1.5, 7.9], [0.0, 0.0]])
    after = step([[-3.1, 0.0], [3.0, 0.0], [1.5, -7.9], [0.0, 0.0]], respawned=[0, 0, 0, 1])
    assert mine.breaks(after, before).tolist() == [True, False, False, True]
    assert mine.breaks(after, None).tolist() == [False, False, False, True]
    assert mine.breaks(after, step([[0.0, 0.0]])).tolist() == [False, False, False, True]


def test_codes_mark_the_training_agent_where_there_is_one():
    modes = [2, 0, 1]
    states = np.zeros((3, 2))
    assert plane(ANGLE, RATE).codes(step(states, modes)).tolist() == [18, 0, 1]
    assert plane(ANGLE, RATE, agent=False).codes(step(states, modes)).tolist() == [2, 0, 1]
