"""Heights of the landscape: the vectorised interpolation against the loop, and what both must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calf_gpu.app.visuals.critic_heatmap import CriticHeatmap
from calf_gpu.qgrid import QGrid

SQUARE = (-3.5, 3.5, -3.5, 3.5)
EXTENTS = [SQUARE, (-50.0, 50.0, -1.0, 2.0), (0.0, 1e-3, 100.0, 1e4)]


def make(grid: np.ndarray, extent=SQUARE, version: int = 0) -> CriticHeatmap:
    heatmap = CriticHeatmap(QGrid(extent))
    heatmap.update(np.asarray(grid, np.float32), version)
    return heatmap


def random_grid(rng, size: int) -> np.ndarray:
    return -500.0 * rng.random((size, size), np.float32)


def node_points(extent, shape) -> np.ndarray:
    """(rows·columns, 2) plane coordinates of the nodes, row by row."""
    x0, x1, y0, y1 = extent
    a0, a1 = np.meshgrid(np.linspace(x0, x1, shape[1]), np.linspace(y0, y1, shape[0]))
    return np.stack([a0.ravel(), a1.ravel()], axis=1)


def spread(extent, rng, count: int, reach: float = 1.0) -> np.ndarray:
    """Random points over the plane, or over a plane ``reach`` times its size."""
    x0, x1, y0, y1 = extent
    centre, half = np.array([(x0 + x1) / 2, (y0 + y1) / 2]), np.array([(x1 - x0) / 2, (y1 - y0) / 2])
    return centre + reach * half * rng.uniform(-1, 1, (count, 2))


def borders(extent, rng) -> np.ndarray:
    """Corners and points along the four edges."""
    x0, x1, y0, y1 = extent
    t = rng.random(20)
    along0, along1 = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
    edges = [np.stack([along0, np.full(20, y)], 1) for y in (y0, y1)]
    edges += [np.stack([np.full(20, x), along1], 1) for x in (x0, x1)]
    return np.concatenate([*edges, [[x0, y0], [x1, y0], [x0, y1], [x1, y1]]])


@pytest.mark.parametrize("extent", EXTENTS)
@pytest.mark.parametrize("size", [2, 21, 257])
def test_vectorised_equals_loop(size, extent):
    rng = np.random.default_rng(size)
    heatmap = make(random_grid(rng, size), extent)
    some_nodes = rng.permutation(node_points(extent, (size, size)))[:500]
    points = np.concatenate(
        [spread(extent, rng, 500), spread(extent, rng, 200, reach=3.0), borders(extent, rng), some_nodes]
    )
    for precision in (np.float32, np.float64):
        states = points.astype(precision)
        loop = heatmap._interpolate_q_from_grid_loop(states)
        np.testing.assert_allclose(
            heatmap._interpolate_q_from_grid_vectorized(states), loop, rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("variant", ["_interpolate_q_from_grid_loop", "_interpolate_q_from_grid_vectorized"])
@pytest.mark.parametrize("extent", EXTENTS)
def test_both_hit_the_nodes_of_a_non_square_grid(extent, variant):
    grid = random_grid(np.random.default_rng(1), 7)[:4]
    values = getattr(make(grid, extent), variant)(node_points(extent, grid.shape))
    np.testing.assert_allclose(values, grid.ravel(), rtol=1e-9)


@pytest.mark.parametrize("variant", ["_interpolate_q_from_grid_loop", "_interpolate_q_from_grid_vectorized"])
def test_the_first_axis_runs_along_the_columns(variant):
    heatmap = make([[0, 1], [10, 11]], (0, 1, 0, 1))
    points = np.array([[0.25, 0.0], [0.0, 0.25], [0.5, 0.5], [7.0, -7.0], [-7.0, 7.0]])
    np.testing.assert_allclose(getattr(heatmap, variant)(points), [0.25, 2.5, 5.5, 1.0, 10.0])


def test_only_the_first_two_axes_count():
    heatmap = make(random_grid(np.random.default_rng(2), 21))
    states = np.random.default_rng(3).uniform(-3, 3, (50, 3)).astype(np.float32)
    flat = heatmap.get_q_value_for_states_batch(states[:, :2])
    np.testing.assert_array_equal(heatmap.get_q_value_for_states_batch(states), flat)
    assert flat.shape == (50,)
    assert heatmap.get_q_value_for_states_batch(np.zeros((0, 3), np.float32)).shape == (0,)


GRIDS = arrays(
    np.float32, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=st.floats(-1e3, 1e3, width=32)
)
POINTS = arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-5, 5))


@given(GRIDS, POINTS)
def test_values_lie_between_the_neighbouring_nodes(grid, points):
    x0, x1, y0, y1 = SQUARE
    values = make(grid).get_q_value_for_states_batch(points)
    for (a0, a1), value in zip(points, values, strict=True):
        u = np.clip((a0 - x0) / (x1 - x0), 0, 1) * (grid.shape[1] - 1)
        v = np.clip((a1 - y0) / (y1 - y0), 0, 1) * (grid.shape[0] - 1)
        # A node on either side, so that rounding at a cell's border cannot pick the wrong cell.
        columns = slice(max(int(np.floor(u - 1e-9)), 0), int(np.ceil(u + 1e-9)) + 1)
        rows = slice(max(int(np.floor(v - 1e-9)), 0), int(np.ceil(v + 1e-9)) + 1)
        around = grid[rows, columns]
        assert around.min() - 1e-6 <= value <= around.max() + 1e-6


@given(POINTS, st.tuples(*[st.integers(-100, 100)] * 4), st.integers(2, 33))
def test_bilinear_functions_are_reproduced(points, coefficients, size):
    a, b, c, d = coefficients

    def plane(p):
        return a + b * p[:, 0] + c * p[:, 1] + d * p[:, 0] * p[:, 1]

    grid = plane(node_points(SQUARE, (size, size))).reshape(size, size)
    inside = np.clip(points, -3.5, 3.5)
    # The grid is kept in float32: half a unit in the last place of its largest value is the best to be had.
    tolerance = 1e-6 * max(1.0, np.abs(grid).max())
    np.testing.assert_allclose(make(grid).get_q_value_for_states_batch(points), plane(inside), atol=tolerance)


@given(GRIDS, POINTS)
def test_loop_and_batch_heights_agree_and_stay_in_range(grid, points):
    heatmap = make(grid)
    heights = heatmap.heights(points)
    np.testing.assert_allclose([heatmap.height_of(p) for p in points], heights, atol=1e-6)
    assert ((heights >= 0) & (heights <= 1)).all()


def test_interpolation_comes_before_squaring():
    heatmap = make([[-1, 1], [-1, 1]], (0, 1, 0, 1))
    heatmap.lo, heatmap.hi = 0.0, 1.0
    middle = np.array([[0.5, 0.5], [0.75, 0.5]])
    np.testing.assert_allclose(heatmap.heights(middle), [0.0, 0.25])
    np.testing.assert_allclose([heatmap.height_of(p) for p in middle], [0.0, 0.25])


def test_a_flat_grid_has_no_height():
    heatmap = make(np.full((5, 5), -3.0))
    points = np.zeros((2, 2))
    assert (heatmap.heights(points) == 0).all()
    assert heatmap.height_of(points[0]) == 0


def test_heights_at_the_nodes_span_the_whole_range():
    grid = random_grid(np.random.default_rng(4), 9)
    heights = make(grid).heights(node_points(SQUARE, grid.shape))
    squares = np.square(grid.astype(np.float64)).ravel()
    np.testing.assert_allclose(heights, (squares - squares.min()) / np.ptp(squares), atol=1e-6)


def test_shaders_get_the_values_and_the_range_that_heights_are_made_of():
    grid = QGrid(SQUARE)
    heatmap = CriticHeatmap(grid)
    for version in range(3):
        heatmap.update(random_grid(np.random.default_rng(version), 5), version)
        assert grid.range == pytest.approx((heatmap.lo, heatmap.hi), rel=1e-6)
        assert heatmap.q_grid is grid.values
    assert heatmap.extent == grid.extent == SQUARE


def test_the_range_is_exact_first_and_smoothed_later():
    heatmap = CriticHeatmap(QGrid(SQUARE), smoothing=0.25)
    assert heatmap.update(np.array([[-1, -2], [-3, -4]], np.float32), 0)
    assert (heatmap.lo, heatmap.hi) == (1.0, 16.0)
    assert heatmap.update(np.array([[-2, -2], [-3, 6]], np.float32), 1)
    assert (heatmap.lo, heatmap.hi) == (1.0 + 0.25 * 3.0, 16.0 + 0.25 * 20.0)


def test_a_version_already_held_changes_nothing():
    heatmap = make([[-1, -2], [-3, -4]], version=5)
    assert not heatmap.update(np.full((2, 2), -9, np.float32), 5)
    assert (heatmap.lo, heatmap.hi) == (1.0, 16.0)
    assert heatmap.q_grid.min() == -4
    assert heatmap.update(np.full((3, 3), -9, np.float32), 6)
    assert heatmap.q_grid.shape == (3, 3)


@given(st.lists(GRIDS, min_size=1, max_size=6))
def test_the_range_stays_within_all_that_was_seen(grids):
    heatmap = CriticHeatmap(QGrid(SQUARE))
    squares = []
    for version, grid in enumerate(grids):
        heatmap.update(grid, version)
        squares.append(np.square(grid.astype(np.float64)))
        slack = 1e-9 * max(1.0, heatmap.hi)
        assert min(s.min() for s in squares) - slack <= heatmap.lo <= heatmap.hi + slack
        assert heatmap.hi <= max(s.max() for s in squares) + slack


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CriticHeatmap(QGrid(SQUARE), smoothing=0.0), "smoothing accepts"),
        (lambda: CriticHeatmap(QGrid((1.0, 1.0, 0.0, 1.0))), "extent must be"),
        (lambda: CriticHeatmap(QGrid(SQUARE)).update(np.zeros((1, 5), np.float32), 0), "Q-grid must be"),
        (lambda: CriticHeatmap(QGrid(SQUARE)).update(np.zeros(5, np.float32), 0), "Q-grid must be"),
    ],
)
def test_impossible_arguments_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
