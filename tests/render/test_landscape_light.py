"""Light and colour of the landscape against the same formulas in NumPy; heights that the CPU gives."""

import numpy as np
import pytest

from calf_gpu.colormap import lookup_texture
from calf_gpu.landscape import Landscape
from calf_gpu.qgrid import QGrid
from offscreen import look_down

HALF = 1.0
EXTENT = (-HALF, HALF, -HALF, HALF)
GREY = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

KEY = np.array([-0.60, -0.12, 0.79]) / np.linalg.norm([-0.60, -0.12, 0.79])
KEY_COLOR, SKY_COLOR, GROUND_COLOR = (1.0, 0.97, 0.92), (0.86, 0.92, 1.0), (0.42, 0.40, 0.46)


def lit(albedo, slope, gloss: float = 0.16) -> np.ndarray:
    """Colour of a surface of this slope (rise per plane unit along both axes) seen from above."""
    up = np.array([0.0, 0.0, 1.0])
    normal = np.array([-slope[0], -slope[1], 1.0]) / np.hypot(1.0, np.hypot(*slope))
    sky = np.array(GROUND_COLOR) + (0.5 + 0.5 * normal[2]) * (np.array(SKY_COLOR) - GROUND_COLOR)
    diffuse = max(normal @ KEY, 0.0) * np.array(KEY_COLOR)
    half = (KEY + up) / np.linalg.norm(KEY + up)
    shine = max(normal @ half, 0.0) ** 36 + 0.35 * (1.0 - normal[2]) ** 3
    return np.clip(
        np.array(albedo) * (0.46 * sky + 0.66 * diffuse) + gloss * shine * np.array(SKY_COLOR), 0, 1
    )


def landscape(heights: np.ndarray, colors=GREY, resolution: int = 41, **options) -> Landscape:
    """A surface of these heights in [0, 1] without any lines."""
    grid = QGrid(EXTENT)
    grid.set(-np.sqrt(heights), 1)
    grid.set_range(0.0, 1.0)
    part = Landscape(grid, resolution, lookup_texture(colors), **options)
    part.show_grid_lines(False)
    part.show_contours(False)
    return part


def slope_up(direction: str, size: int = 41) -> np.ndarray:
    along = np.linspace(0.2, 0.8, size)
    columns = {"+0": along, "-0": along[::-1], "+1": along, "-1": along[::-1]}[direction]
    heights = np.tile(columns, (size, 1))
    return heights if direction[1] == "0" else heights.T


@pytest.fixture
def top(offscreen):
    target = offscreen(60, 60)
    look_down(target, HALF)
    return target


def middle(target, part: Landscape, height_scale: float = 1.0) -> np.ndarray:
    part.root.reparent_to(target.scene)
    part.root.set_sz(height_scale)
    picture = target.render()
    part.root.remove_node()
    return picture[28:32, 28:32, :3].mean(axis=(0, 1)) / 255


@pytest.mark.parametrize("height_scale", [0.5, 3.0])
@pytest.mark.parametrize(
    ("direction", "sign"), [("+0", (1, 0)), ("-0", (-1, 0)), ("+1", (0, 1)), ("-1", (0, -1))]
)
def test_light_of_a_slope(top, direction, sign, height_scale):
    steepness = 0.6 / (2 * HALF) * height_scale
    expected = lit(GREY[0], (steepness * sign[0], steepness * sign[1]))
    seen = middle(top, landscape(slope_up(direction)), height_scale)
    np.testing.assert_allclose(seen, expected, atol=0.012)


@pytest.mark.parametrize("height", [0.0, 0.09, 0.25, 0.64, 1.0])
def test_colours_follow_the_root_of_the_height(top, height):
    red_to_green = np.linspace((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), 101)
    part = landscape(np.full((3, 3), height), red_to_green)
    share = np.sqrt(height)
    np.testing.assert_allclose(middle(top, part), lit((1 - share, share, 0.0), (0, 0)), atol=0.012)


def test_level_sets_closer_than_pixels_are_not_drawn(top):
    heights = slope_up("+0")
    bare = middle(top, landscape(heights))
    lines = landscape(heights)
    lines.show_contours(True)
    lines.set_contour_step(0.004)  # half a pixel
    np.testing.assert_allclose(middle(top, lines), bare, atol=1.01 / 255)


@pytest.mark.parametrize("height", [0.25, 0.75])
def test_heights_given_by_the_cpu_are_the_ones_drawn(offscreen, height):
    """Seen from the side and a little from above, whatever the Q-grid says."""
    target = offscreen(100, 100)
    look_down(target, HALF)
    target.camera.set_pos(0, -50, 2)
    target.camera.look_at(0, 0, 0)
    part = landscape(np.full((3, 3), 0.5), resolution=9, cpu_heights=True)
    part.set_heights(np.full((9, 9), height, np.float32))
    part.root.reparent_to(target.scene)
    rows = np.flatnonzero(target.render()[..., :3].any(axis=(1, 2)))
    np.testing.assert_allclose((49.5 - rows.mean()) / 50, height, atol=0.03)
