"""Shapes that a picture from above does not tell apart: ribbons along their length and at turns, sides of a cone."""

import numpy as np
import pytest

from calf_gpu.agents import Agents
from calf_gpu.colormap import lookup_texture
from calf_gpu.landscape import Landscape
from calf_gpu.palette import MODE_COLORS
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import TrailRing
from offscreen import look_down

EXTENT = (-1.0, 1.0, -1.0, 1.0)
SIZE = 100  # pixels; plane coordinates [-1, 1] fill the picture


@pytest.fixture
def ribbon(offscreen):
    """``ribbon(points, width_px)``: picture of one trail through these points."""
    rings = []

    def draw(points, width_px) -> np.ndarray:
        target = offscreen(SIZE, SIZE)
        look_down(target, 1.0)
        options = {"width_px": width_px, "decimation": 1, "window": target.buffer}
        rings.append(TrailRing(QGrid(EXTENT), 1, len(points) - 1, **options))
        rings[-1].root.reparent_to(target.scene)
        for point in points:
            rings[-1].push([point], [0])
        target.render()
        return target.render()[..., :3] / 255

    yield draw
    for ring in rings:
        ring.close()


def test_ribbons_get_thinner_with_age(ribbon):
    width = 10.0
    x = np.linspace(-0.9, 0.9, 21)
    picture = ribbon(np.stack([x, np.zeros(21)], axis=1), width)[..., 2] / MODE_COLORS[0, 2]
    for age in (1, 4, 8):  # younger than where they begin to fade
        column = round((1 + np.interp(20 - age, np.arange(21), x)) * SIZE / 2)
        expected = width * (1 - 0.65 * age / 20)
        assert picture[:, column - 1 : column + 1].mean(axis=1).sum() == pytest.approx(
            expected + 0.13, abs=0.3
        )


def test_ribbons_keep_their_width_round_a_corner(ribbon):
    """The outer corner of a right angle is filled."""
    width = 16.0
    picture = ribbon([(-2.0, 0.0), (0.0, 0.0), (0.0, -0.1)], width)
    across = 0.675 * width / 2  # half way along the trail it is thinner; a bit inside of that
    row, column = int(SIZE / 2 - across + 1), int(SIZE / 2 + across - 1)
    assert picture[row, column].max() > 0.4
    assert picture[row - 4, column + 4].max() < 0.1


def test_the_near_side_of_a_cone_is_seen(offscreen):
    """A sheet through the cone, level with the base's middle, leaves the upper half of it to be seen."""
    target = offscreen(SIZE, SIZE)
    look_down(target, 3.0)
    grid = QGrid((-3, 3, -3, 3))
    sheet = Landscape(grid, 2, lookup_texture(((0, 0, 0), (0, 0, 0))))
    sheet.show_grid_lines(False)
    sheet.root.set_z(0.5)
    sheet.root.reparent_to(target.scene)
    cone = Agents(grid, 1, "cone", 0.5)
    cone.update(np.array([[0, 0, 0, 2]], np.float32))
    cone.root.reparent_to(target.scene)
    target.render()
    red = target.render()[..., 0] > 100
    assert 100 < red.sum() < 300


def test_ribbons_have_a_dark_casing_on_bright_surfaces(offscreen):
    target = offscreen(SIZE, SIZE, background=(1, 1, 1, 1))
    look_down(target, 1.0)
    ring = TrailRing(QGrid(EXTENT), 1, 1000, width_px=8.0, decimation=1, window=target.buffer)
    ring.root.reparent_to(target.scene)
    for x in (-0.9, 0.9):
        ring.push([[x, 0.0]], [0])
    target.render()
    column = target.render()[:, 50, :3].max(axis=-1)
    ring.close()
    assert (column[[45, 54]] < 130).all()  # just outside of the band
    assert (column[[42, 57]] == 255).all()
