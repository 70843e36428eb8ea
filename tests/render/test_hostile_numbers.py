"""Critic values that are no numbers, infinite or beyond all use: the surface stays, and says where they are."""

from __future__ import annotations

import numpy as np
import pytest
from test_landscape_heights import EXTENT as UNEVEN
from test_landscape_heights import evaluate, points  # noqa: F401 (a fixture)

from calf_gpu.colormap import DEFAULT_COLORS, lookup_texture
from calf_gpu.heights import BAD_Q, Q_LIMIT, is_bad, marked, normalise, sample_grid
from calf_gpu.landscape import Landscape
from calf_gpu.palette import BAD_COLOR
from calf_gpu.qgrid import QGrid
from calf_gpu.view import SwarmView
from offscreen import look_down, plane_points

HALF = 3.5
EXTENT = (-HALF, HALF, -HALF, HALF)
BAD = [np.nan, np.inf, -np.inf, 1e30, -1e30, 2e15]


def with_bad(bad: float, size: int = 8) -> np.ndarray:
    q = np.random.default_rng(size).uniform(-9, -1, (size, size)).astype(np.float32)
    q[2, 5] = bad
    return q


def in_bad_cells(where: np.ndarray, row: int, column: int, size: int, extent=EXTENT) -> np.ndarray:
    """Whether points lie within one cell of a node, and not so near the rim that rounding decides."""
    x0, x1, y0, y1 = extent
    cells = np.stack(
        [(where[..., 0] - x0) / (x1 - x0) * (size - 1), (where[..., 1] - y0) / (y1 - y0) * (size - 1)],
        axis=-1,
    )
    return np.abs(cells - (column, row)).max(axis=-1)


@pytest.mark.parametrize("bad", BAD)
def test_bad_nodes_spoil_their_own_cells_and_no_other(evaluate, bad):  # noqa: F811
    grid = QGrid(UNEVEN)
    grid.set(with_bad(bad), 1)
    grid.set_range(1.0, 81.0)
    where = points()
    result = evaluate(
        grid,
        where,
        "vec4(surface_height(p3d_Vertex.xy), is_bad(sample_q(p3d_Vertex.xy)), surface_slope(p3d_Vertex.xy))",
    )
    assert np.isfinite(result).all()
    q = sample_grid(marked(with_bad(bad)).astype(np.float64), UNEVEN, where.astype(np.float64))
    heights = normalise(q, 1.0, 81.0)
    assert np.isfinite(heights).all()
    clamped = np.clip(where, (UNEVEN[0], UNEVEN[2]), (UNEVEN[1], UNEVEN[3]))
    distance = in_bad_cells(clamped, 2, 5, 8, UNEVEN)
    inside, outside = distance < 0.999, distance > 1.001
    assert inside.sum() > 20
    for found in (result[:, 1] > 0.5, is_bad(q)):
        assert found[inside].all()
        assert not found[outside].any()
    assert (result[inside, 0] == 0).all()
    sure = inside | outside
    assert np.abs(result[sure, 0] - heights[sure]).max() < 1e-4


def test_largest_usable_values_have_heights_in_float32(evaluate):  # noqa: F811
    q = np.array([[-Q_LIMIT, 0.0], [0.0, 0.9 * Q_LIMIT]], np.float32)
    q[0, 0] = -0.999 * Q_LIMIT
    grid = QGrid(UNEVEN)
    grid.set(q, 1)
    lo, hi = 0.0, float(np.square(q.astype(np.float64)).max())
    grid.set_range(lo, hi)
    result = evaluate(grid, points(), "vec4(surface_height(p3d_Vertex.xy), surface_slope(p3d_Vertex.xy), 1)")
    expected = normalise(sample_grid(q.astype(np.float64), UNEVEN, points().astype(np.float64)), lo, hi)
    assert np.abs(result[:, 0] - expected).max() < 1e-4
    assert np.isfinite(result).all()


def test_marks_replace_bad_values_only():
    q = with_bad(np.nan)
    assert marked(q)[2, 5] == np.float32(BAD_Q)
    good = with_bad(-3.0)
    assert marked(good) is good
    assert (
        is_bad(np.array([np.nan, np.inf, -np.inf, 1.1e15, -1e15, 0.0])).tolist() == [True] * 4 + [False] * 2
    )


def test_heights_of_bad_values_are_zero_without_a_warning():
    with np.errstate(all="raise"):
        for dtype in (np.float32, np.float64):
            q = np.array([np.nan, np.inf, 1e30, BAD_Q, -2.0], dtype)
            assert normalise(q, 0.0, 4.0).tolist() == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("cpu", [False, True])
@pytest.mark.parametrize("overlay", [False, True])
@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_bad_cells_are_magenta_and_the_others_as_before(offscreen, cpu, overlay, bad):
    pictures = []
    for value in (bad, -5.0):
        target = offscreen(300, 300)
        look_down(target, HALF)
        grid = QGrid(EXTENT)
        q = with_bad(value)
        grid.set(q, 1)
        grid.set_range(1.0, 81.0)
        part = Landscape(grid, 113, lookup_texture(DEFAULT_COLORS), cpu_heights=cpu)
        part.show_grid_lines(False)
        part.show_overlay(overlay)
        part.set_certificate(float("nan"), (1.0, 1000.0))  # no certificate yet; kappa fails in places
        if cpu:
            heights = normalise(sample_grid(marked(q), EXTENT, part.points), 1.0, 81.0)
            part.set_heights(heights.reshape(113, 113))
        part.root.reparent_to(target.scene)
        target.render()
        pictures.append(target.render()[..., :3].astype(int))
    distance = in_bad_cells(plane_points(target, HALF), 2, 5, 8)
    inside, outside = distance < 0.9, distance > 1.6  # slopes look half a cell further
    loud = np.abs(pictures[0] - 255 * BAD_COLOR).max(axis=-1) <= 1
    assert loud[inside].mean() > 0.98  # a ring or an axis may cross it
    assert not loud[outside].any()
    assert np.abs(pictures[0] - pictures[1])[outside].max() <= 2


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, 1e30, -np.inf])
@pytest.mark.parametrize("cpu", [False, True])
def test_constant_grids_are_flat_and_drawn(base, offscreen, value, cpu):
    target = offscreen(160, 160)
    look_down(target, HALF)
    view = SwarmView(base, EXTENT, 3, 5, cpu_heights=cpu)
    view.root.reparent_to(target.scene)
    view.landscape.show_overlay(True)
    view.landscape.set_certificate(value, (0.01, 1000.0))
    view.show_critic(np.full((9, 9), value, np.float32), 1)
    view.update(np.zeros((3, 2)), modes=np.zeros(3, int))
    target.render()
    picture = target.render()[..., :3].astype(int)
    magenta = np.abs(picture - 255 * BAD_COLOR).max(axis=-1) < 3
    bad = is_bad(np.float32(value))
    assert magenta.mean() > 0.6 if bad else not magenta.any()
    assert (picture.sum(axis=-1) > 20).all()  # nothing black: no NaN reached the fragments
    view.close()


def test_agents_at_no_place_do_not_spoil_the_picture(base, offscreen):
    target = offscreen(160, 160)
    look_down(target, HALF)
    view = SwarmView(base, EXTENT, 3, 5)
    view.root.reparent_to(target.scene)
    view.show_critic(with_bad(-2.0), 1)
    for _ in range(4):
        view.update(np.array([[np.nan, 0.0], [np.inf, -np.inf], [1e30, 1e30]]), modes=np.zeros(3, int))
        target.render()
    picture = target.render()[..., :3].astype(int)
    assert (picture.sum(axis=-1) > 20).all()
    view.close()
