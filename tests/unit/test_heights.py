"""Bilinear interpolation and normalisation against a plain-Python model."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.heights import normalise, sample_grid
from calf_gpu.palette import HIGHLIGHT_COLOR, MODE_COLORS, code_colors, encode
from offscreen import ROOT

EXTENT = (-3.5, 2.5, -1.0, 4.0)


def model(grid, extent, x, y):
    """One point, in words: clamp into the extent, find the cell, weight its four corners."""
    rows, columns = grid.shape
    u = (min(max(x, extent[0]), extent[1]) - extent[0]) / (extent[1] - extent[0]) * (columns - 1)
    v = (min(max(y, extent[2]), extent[3]) - extent[2]) / (extent[3] - extent[2]) * (rows - 1)
    i, j = min(math.floor(u), columns - 2), min(math.floor(v), rows - 2)
    s, t = u - i, v - j
    return sum(
        grid[j + dj, i + di] * (s if di else 1 - s) * (t if dj else 1 - t) for di in (0, 1) for dj in (0, 1)
    )


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 2**31), st.data())
def test_sample_grid_agrees_with_the_model_everywhere(rows, columns, seed, data):
    grid = np.random.default_rng(seed).normal(0, 30, (rows, columns))
    coordinate = st.floats(-6, 6, allow_nan=False)
    x, y = data.draw(coordinate), data.draw(coordinate)
    assert sample_grid(grid, EXTENT, np.array([[x, y]]))[0] == pytest.approx(
        model(grid, EXTENT, x, y), abs=1e-9
    )


def test_nodes_return_the_values_of_the_grid_rows_along_the_second_axis():
    grid = np.arange(12.0).reshape(3, 4)
    x, y = np.meshgrid(np.linspace(-3.5, 2.5, 4), np.linspace(-1, 4, 3))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    assert sample_grid(grid, EXTENT, points) == pytest.approx(grid.ravel())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_of_the_arguments_is_kept(dtype):
    grid = np.ones((2, 2), dtype)
    assert sample_grid(grid, EXTENT, np.zeros((3, 2), dtype)).dtype == dtype
    assert normalise(grid, 0.0, 2.0).dtype == dtype
    assert normalise(grid, 2.0, 2.0).dtype == dtype


def test_normalise_squares_scales_and_clips():
    q = np.array([-4.0, -3.0, -2.0, 0.0, 2.0, 5.0])
    assert normalise(q, 4.0, 14.0) == pytest.approx([1.0, 0.5, 0.0, 0.0, 0.0, 1.0])


def test_empty_range_is_flat():
    assert not normalise(np.array([1.0, 2.0]), 3.0, 3.0).any()


def test_formulas_colours_and_ticks_need_numpy_alone():
    code = "import calf_gpu.heights, calf_gpu.palette, calf_gpu.ticks, sys; print('panda3d' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["False"], done.stderr


def test_codes_carry_mode_and_highlight():
    codes = encode(np.array([0, 1, 2, 2]), np.array([False, False, False, True]))
    assert codes.dtype == np.float32
    assert codes.tolist() == [0, 1, 2, 18]
    assert code_colors(codes) == pytest.approx(np.array([*MODE_COLORS, HIGHLIGHT_COLOR]))


def test_a_mode_without_a_colour_has_the_last_one_and_is_never_taken_for_a_highlight():
    codes = encode(np.array([1, 2, 15, 16, 99]))
    assert code_colors(codes, [[1, 0, 0], [0, 1, 0]]) == pytest.approx(np.tile([0, 1, 0], (5, 1)))
