"""What is left out of the drawing of a crowd, and that nothing which could be seen is among it."""

from __future__ import annotations

import numpy as np
import pytest

from calf_gpu.agents import Agents
from calf_gpu.palette import MODE_COLORS
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import MOST_TRAILS, TrailRing

EXTENT = (-4.0, 4.0, -4.0, 4.0)


def aim(target, fov: float, perspective: bool) -> None:
    """Look obliquely at the middle of the agents, who go on beyond each side; ``fov`` in degrees."""
    from panda3d.core import OrthographicLens, PerspectiveLens

    lens = PerspectiveLens() if perspective else OrthographicLens()
    half = np.tan(np.radians(fov / 2))
    size = 2 * half * (1 if perspective else 6)
    lens.set_film_size(size, size)
    if perspective:
        lens.set_focal_length(1.0)
    lens.set_near_far(0.1, 100)
    target.camera.node().set_lens(lens)
    target.camera.set_pos(0.5, -5.0, 3.0)
    target.camera.look_at(0, -2.2, 0.3)


@pytest.mark.parametrize("perspective", [True, False])
@pytest.mark.parametrize("shape", ["sphere", "cone"])
def test_agents_at_the_edge_of_the_picture_are_what_they_are_in_a_larger_one(offscreen, shape, perspective):
    rng = np.random.default_rng(5)
    records = np.zeros((400, 4), np.float32)
    records[:, :2] = rng.uniform(-4, 4, (400, 2))
    records[:, 2] = rng.uniform(-3, 3, 400)
    records[:, 3] = rng.integers(0, 3, 400)
    q = rng.uniform(-4, -1, (5, 5)).astype(np.float32)
    pictures = []
    for size in (120, 240):
        target = offscreen(size, size)
        aim(
            target,
            30.0 if size == 120 else 2 * np.degrees(np.arctan(2 * np.tan(np.radians(15)))),
            perspective,
        )
        target.buffer.set_clear_color((0.5, 0.5, 0.5, 1.0))  # shadows show
        grid = QGrid(EXTENT)
        grid.set(q, 1)
        grid.set_range(1.0, 16.0)
        agents = Agents(grid, len(records), shape, 0.25, window=target.buffer)
        agents.root.reparent_to(target.scene)
        agents.root.set_sz(4.0)  # steep: many stand with the foot of their height's line outside
        agents.update(records)
        target.render()
        pictures.append(target.render()[..., :3].astype(int))
    small, middle = pictures[0], pictures[1][60:180, 60:180]
    assert small.std() > 20
    differing = np.abs(small - middle).max(axis=-1) > 40  # rims of bodies round differently
    assert differing.mean() < 0.001


@pytest.mark.parametrize(("radius", "darkens"), [(0.075, False), (0.2, True)])
def test_bodies_below_two_pixels_have_no_shadow(offscreen, radius, darkens):
    target = offscreen(100, 100)
    from panda3d.core import OrthographicLens

    lens = OrthographicLens()
    lens.set_film_size(4, 4)  # 25 pixels a plane unit: radii of 1.9 and 5 pixels
    lens.set_near_far(0.1, 100)
    target.camera.node().set_lens(lens)
    target.camera.set_pos_hpr(0, 0, 50, 0, -90, 0)
    target.buffer.set_clear_color((1.0, 1.0, 1.0, 1.0))
    agents = Agents(QGrid(EXTENT), 1, "sphere", radius, window=target.buffer)
    agents.root.reparent_to(target.scene)
    agents.update(np.zeros((1, 4), np.float32))
    target.render()
    picture = target.render()[..., :3] / 255.0
    gray = (picture.max(axis=-1) - picture.min(axis=-1) < 0.02) & (picture.mean(axis=-1) < 0.97)
    assert bool(gray.any()) is darkens


def crowd_from_above(target, shape: str, pixels: float, pitch: float, turn: float = 0.0) -> np.ndarray:
    """Linear picture (400, 400, 3) of 400 agents on a flat surface whose radius is so many pixels."""
    from panda3d.core import OrthographicLens

    lens = OrthographicLens()
    lens.set_film_size(4, 4)
    lens.set_near_far(-100, 100)
    target.camera.node().set_lens(lens)
    target.camera.set_hpr(0, pitch, 0)
    rng = np.random.default_rng(0)
    records = np.zeros((400, 4), np.float32)
    x, y = np.meshgrid(*[np.linspace(-1.8, 1.8, 20)] * 2)
    records[:, :2] = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(-0.02, 0.02, (400, 2))
    records[:, 2] = rng.uniform(-3, 3, 400) + turn
    records[:, 3] = rng.integers(0, 3, 400)
    agents = Agents(QGrid(EXTENT), 400, shape, pixels / 100.0, window=target.buffer)
    agents.root.reparent_to(target.scene)
    agents.update(records)
    target.render()
    return target.render()[..., :3].astype(float)


@pytest.mark.parametrize("pitch", [-90.0, -35.0])
@pytest.mark.parametrize(("shape", "pixels", "close"), [("sphere", 3.0, 0.06), ("cone", 0.7, 0.9)])
def test_bodies_become_points_without_a_jump(offscreen, shape, pixels, close, pitch):
    point, body = (crowd_from_above(offscreen(400, 400), shape, pixels * f, pitch) for f in (0.999, 1.001))
    assert point.sum() == pytest.approx(body.sum(), rel=0.08)
    assert np.abs(point - body).mean() < close


@pytest.mark.parametrize(("pixels", "has_heading"), [(0.69, False), (0.71, True)])
def test_cones_too_small_to_point_anywhere_are_points(offscreen, pixels, has_heading):
    first, turned = (crowd_from_above(offscreen(400, 400), "cone", pixels, -90.0, turn) for turn in (0, 1))
    assert (first != turned).any() == has_heading


def test_points_are_hidden_by_the_surface_and_by_nearer_ones(offscreen):
    from panda3d.core import OrthographicLens

    target = offscreen(100, 100)
    lens = OrthographicLens()
    lens.set_film_size(4, 4)
    lens.set_near_far(-100, 100)
    target.camera.node().set_lens(lens)
    agents = Agents(QGrid(EXTENT), 2, "sphere", 0.08, window=target.buffer)  # two pixels
    agents.root.reparent_to(target.scene)
    for order in ([1.0, -1.0], [-1.0, 1.0]):  # looking along the second axis: -1 is nearer
        records = np.array([[0.0, order[0], 0.0, 0.0], [0.0, order[1], 0.0, 2.0]], np.float32)
        agents.update(records)
        target.render()
        picture = target.render()[..., :3].astype(int)
        nearer = MODE_COLORS[0 if order[0] < 0 else 2]
        brightest = picture[picture.sum(axis=-1).argmax() // 100, picture.sum(axis=-1).argmax() % 100]
        assert brightest.argmax() == nearer.argmax()


def ribbon_profile(target, agents: int, decimation: int) -> np.ndarray:
    """Coverage (100,) across a straight trail, all other agents' trails being points."""
    from panda3d.core import OrthographicLens

    lens = OrthographicLens()
    lens.set_film_size(2, 2)
    lens.set_near_far(-10, 10)
    target.camera.node().set_lens(lens)
    target.camera.set_hpr(0, -90, 0)
    ring = TrailRing(QGrid(EXTENT), agents, 40, width_px=8.0, decimation=decimation, window=target.buffer)
    ring.root.reparent_to(target.scene)
    for step in range(41):
        points = np.full((agents, 2), 3.0)
        points[0] = (-0.9 + 0.045 * step, 0.0)
        ring.push(points, np.zeros(agents))
    target.render()
    picture = target.render()[:, 70:74, :3].mean(axis=1) / 255.0
    ring.close()
    return picture @ MODE_COLORS[0] / (MODE_COLORS[0] @ MODE_COLORS[0])


def test_ribbons_are_half_as_wide_with_sixteen_times_the_crowd_unless_every_point_is_asked_for(offscreen):
    alone = ribbon_profile(offscreen(100, 100), 100, 0).sum()
    assert ribbon_profile(offscreen(100, 100), 1600, 0).sum() == pytest.approx(alone / 2, rel=0.12)
    assert ribbon_profile(offscreen(100, 100), 1600, 1).sum() == pytest.approx(alone, rel=0.02)


def test_no_more_trails_are_drawn_than_can_be_told_apart_unless_every_point_is_asked_for(offscreen):
    window = offscreen(10, 10).buffer
    thinned = TrailRing(QGrid(EXTENT), MOST_TRAILS + 500, 2, window=window)
    assert thinned.root.get_instance_count() == MOST_TRAILS
    thinned.resize(50)
    assert thinned.root.get_instance_count() == 50
    every = TrailRing(QGrid(EXTENT), MOST_TRAILS + 500, 2, decimation=1, window=window)
    assert every.root.get_instance_count() == MOST_TRAILS + 500
    thinned.close()
    every.close()
