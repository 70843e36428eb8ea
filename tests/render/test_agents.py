"""Spheres and cones: where they are, what colour, how large, and which way they look, read from pixels."""

import numpy as np
import pytest

from calf_gpu.agents import Agents
from calf_gpu.colormap import lookup_texture
from calf_gpu.heights import normalise, sample_grid
from calf_gpu.landscape import Landscape
from calf_gpu.palette import HIGHLIGHT_BIT, HIGHLIGHT_COLOR, MODE_COLORS
from calf_gpu.qgrid import QGrid
from offscreen import look_down, plane_points

HALF = 2.0
EXTENT = (-HALF, HALF, -HALF, HALF)
PIXEL = 2 * HALF / 400


def record(x=0.0, y=0.0, heading=0.0, code=0.0) -> list[float]:
    return [x, y, heading, code]


def bodies(picture: np.ndarray) -> np.ndarray:
    """Where a body was drawn on a black background (its shadow leaves that black)."""
    return picture[..., :3].max(axis=-1) > 40


@pytest.fixture
def scene(offscreen):
    """``scene(records, shape, radius, …)``: a 400 × 400 target with agents on a flat surface, and the agents."""

    def make(records, shape="sphere", radius=0.3, q=None, **options):
        target = offscreen(400, 400)
        look_down(target, HALF)
        grid = QGrid(EXTENT)
        if q is not None:
            grid.set(q, 1)
        agents = Agents(grid, len(records), shape, radius, **options)
        agents.root.reparent_to(target.scene)
        agents.update(
            np.array(records, np.float32), *([np.zeros(len(records))] if options.get("cpu_heights") else [])
        )
        target.render()
        return target, agents

    return make


@pytest.mark.parametrize("shape", ["sphere", "cone"])
@pytest.mark.parametrize("code", [0, 1, 2, HIGHLIGHT_BIT, HIGHLIGHT_BIT + 2])
def test_colour_is_that_of_the_mode_and_yellow_for_the_training_agent(scene, shape, code):
    target, _ = scene([record(code=code)], shape)
    picture = target.render()
    seen = picture[bodies(picture)][:, :3].astype(float)
    candidates = np.array([*MODE_COLORS, HIGHLIGHT_COLOR])
    hue = seen.mean(axis=0) / np.linalg.norm(seen.mean(axis=0))
    likeness = (candidates / np.linalg.norm(candidates, axis=1, keepdims=True)) @ hue
    assert likeness.argmax() == (3 if code >= HIGHLIGHT_BIT else code)
    assert likeness.max() > 0.99


def test_sphere_has_its_radius_and_place(scene):
    target, _ = scene([record(0.5, -0.7)])
    body = bodies(target.render())
    where = plane_points(target, HALF)[body]
    assert where.mean(axis=0) == pytest.approx([0.5, -0.7], abs=PIXEL)
    assert np.sqrt(body.sum() / np.pi) * PIXEL == pytest.approx(0.3, abs=PIXEL)
    assert np.hypot(*(where - (0.5, -0.7)).T).max() < 0.3 + 1.5 * PIXEL


def test_rim_is_anti_aliased(scene):
    target, _ = scene([record()])
    distance = np.hypot(*plane_points(target, HALF).transpose(2, 0, 1)) / PIXEL
    bright = target.render()[..., :3].max(axis=-1)
    inside, rim = bright[np.abs(distance - 28) < 1].mean(), bright[np.abs(distance - 30) < 0.5]
    assert 0.15 * inside < np.median(rim) < 0.9 * inside
    assert rim.std() > 3


def test_training_agent_is_larger(scene):
    plain = bodies(scene([record(code=0)])[0].render()).sum()
    training = bodies(scene([record(code=HIGHLIGHT_BIT)])[0].render()).sum()
    assert training / plain == pytest.approx(1.4**2, rel=0.05)


def test_radius_is_a_uniform(scene):
    target, agents = scene([record()])
    agents.set_radius(0.6)
    assert np.sqrt(bodies(target.render()).sum() / np.pi) * PIXEL == pytest.approx(0.6, abs=PIXEL)


@pytest.mark.parametrize("heading", np.linspace(-3, 3.2, 9))
def test_nose_of_a_cone_points_along_its_heading(scene, heading):
    target, _ = scene([record(0.2, -0.1, heading)], "cone", 0.2)
    body = bodies(target.render())
    where = plane_points(target, HALF)[body] - (0.2, -0.1)
    forward = np.array([np.cos(heading), np.sin(heading)])
    along = where @ forward
    across = where @ np.array([-forward[1], forward[0]])
    assert along.max() == pytest.approx(2.2 * 0.2, abs=0.1)
    assert along.min() == pytest.approx(-1.8 * 0.2, abs=0.1)
    assert np.abs(across.mean()) < PIXEL
    back, front = along < np.percentile(along, 30), along > np.percentile(along, 95)
    assert np.ptp(across[back]) > 0.36  # the base is two radii wide
    assert np.ptp(across[front]) < 0.15
    assert across[front].mean() == pytest.approx(0, abs=2 * PIXEL)


@pytest.mark.parametrize("shape", ["sphere", "cone"])
def test_agents_rest_on_the_surface(offscreen, shape):
    """From the side, each body's lowest point is on the surface: it neither floats nor sinks."""
    target = offscreen(400, 200)
    look_down(target, HALF)
    target.camera.set_pos_hpr(0, -50, 0.4, 0, 0, 0)
    q = np.sqrt(np.linspace(0, 1, 9, dtype=np.float32))[:, None] * np.ones(
        (1, 9), np.float32
    )  # rises along y
    grid = QGrid(EXTENT)
    grid.set(q, 1)
    agents = Agents(grid, 1, shape, 0.15)
    agents.root.reparent_to(target.scene)
    agents.root.set_sz(0.8)
    for y in (-1.5, 0.0, 1.0):
        agents.update(np.array([record(0.3, y)], np.float32))
        target.render()
        rows = np.nonzero(bodies(target.render()).any(axis=1))[0]
        lowest = 0.4 + (100 - rows.max() - 1) * PIXEL
        height = 0.8 * normalise(sample_grid(q, EXTENT, np.array([[0.3, y]])), 0, 1)[0]
        assert lowest == pytest.approx(height, abs=0.012 + 1.5 * PIXEL)


def test_centre_of_a_sphere_in_perspective(offscreen):
    target = offscreen(640, 360)
    target.camera.set_pos(3, -6, 4)
    target.camera.look_at(0, 0, 0)
    grid = QGrid(EXTENT)
    places = np.array([[0, 0], [1.5, 1.2], [-1.6, 0.4], [0.7, -1.5]])
    agents = Agents(grid, 1, radius=0.1)
    agents.root.reparent_to(target.scene)
    from panda3d.core import Point2, Point3

    for x, y in places:
        agents.update(np.array([record(x, y)], np.float32))
        target.render()
        rows, columns = np.nonzero(bodies(target.render()))
        on_film = Point2()
        target.lens.project(target.camera.get_relative_point(target.scene, Point3(x, y, 0.1)), on_film)
        expected = ((on_film.x + 1) * 320, (1 - on_film.y) * 180)
        assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(expected, abs=1)


def test_height_scale_does_not_squash_and_zoom_enlarges(scene):
    target, agents = scene([record()])
    before = bodies(target.render()).sum()
    agents.root.set_sz(5)
    assert bodies(target.render()).sum() == before
    agents.root.set_scale(2, 2, 1)
    assert bodies(target.render()).sum() == pytest.approx(4 * before, rel=0.02)


@pytest.mark.parametrize("shape", ["sphere", "cone"])
def test_heights_from_numpy_draw_the_same_picture(offscreen, shape):
    random = np.random.default_rng(3)
    q = random.uniform(-5, -1, (9, 9)).astype(np.float32)
    records = np.zeros((20, 4), np.float32)
    records[:, :2] = random.uniform(-1.8, 1.8, (20, 2))
    records[:, 2:] = random.uniform(0, 3, (20, 2)).astype(int)
    pictures = []
    for cpu in (False, True):
        target = offscreen(640, 360)
        target.camera.set_pos(3, -6, 4)
        target.camera.look_at(0, 0, 0)
        grid = QGrid(EXTENT)
        grid.set(q, 1)
        grid.set_range(1, 25)
        agents = Agents(grid, 20, shape, 0.1, cpu_heights=cpu)
        agents.root.reparent_to(target.scene)
        agents.update(records, normalise(sample_grid(q, EXTENT, records[:, :2]), 1, 25))
        target.render()
        pictures.append(target.render().astype(float))
    assert bodies(pictures[0]).sum() > 500
    assert np.abs(pictures[0] - pictures[1]).mean() <= 0.5


def test_agent_behind_a_hill_is_hidden_and_one_in_front_is_not(offscreen):
    target = offscreen(400, 200)
    look_down(target, HALF)
    target.camera.set_pos_hpr(0, -50, 0.4, 0, 0, 0)
    q = np.zeros((9, 9), np.float32)
    q[4] = 1  # a ridge along the first axis
    grid = QGrid(EXTENT)
    grid.set(q, 1)
    hill = Landscape(grid, 65, lookup_texture(np.zeros((2, 3))))
    agents = Agents(grid, 2, radius=0.15)
    hill.root.reparent_to(target.scene)
    agents.root.reparent_to(target.scene)
    for y, seen in ((1.2, False), (-1.2, True)):
        agents.update(np.array([record(0, y, code=2), record(0, 9, code=2)], np.float32))
        target.render()
        picture = target.render()
        assert (picture[..., 0] > 150).any() == seen


def test_bodies_that_touch_meet_in_the_middle_in_any_order(scene):
    """Depth is that of the round surface: with flat pictures of spheres the later one would cover the other."""
    for records in ([record(-0.1, code=0), record(0.1, code=2)], [record(0.1, code=2), record(-0.1, code=0)]):
        picture = scene(records, radius=0.2)[0].render()[200, :, :3].astype(int)
        left, right = picture[180:196].mean(axis=0), picture[204:220].mean(axis=0)
        assert left[2] > left[0] + 50
        assert right[0] > right[2] + 50


def test_cone_seen_from_behind_shows_its_flat_base(offscreen):
    target = offscreen(400, 400)
    look_down(target, HALF)
    target.camera.set_pos_hpr(-50, 0, 0.1, -90, 0, 0)
    agents = Agents(QGrid(EXTENT), 1, "cone", 0.4)
    agents.root.reparent_to(target.scene)
    agents.update(np.array([record(heading=0.0)], np.float32))
    target.render()
    picture = target.render()
    assert np.sqrt(bodies(picture).sum() / np.pi) * PIXEL == pytest.approx(0.4, abs=0.02)
    across, up = plane_points(target, HALF).transpose(2, 0, 1)
    base = np.hypot(across, up + 0.1 - 0.4) < 0.3  # the middle of the base is a radius above the surface
    assert picture[base][:, :3].std(axis=0).max() < 3


def test_shadow_darkens_the_surface_around_the_contact_only(offscreen):
    target = offscreen(400, 400)
    look_down(target, HALF)
    grid = QGrid(EXTENT)
    surface = Landscape(grid, 17, lookup_texture(np.full((2, 3), 0.8)))
    surface.root.reparent_to(target.scene)
    surface.show_grid_lines(False)
    surface.show_contours(False)
    plain = target.render()[..., 1].astype(int)
    agents = Agents(grid, 1, radius=0.2)
    agents.root.reparent_to(target.scene)
    agents.update(np.array([record()], np.float32))
    target.render()
    shadow = plain - target.render()[..., 1]
    distance = np.hypot(*plane_points(target, HALF).transpose(2, 0, 1))
    near = shadow[(distance > 0.21) & (distance < 0.25)]
    assert 40 < near.max() < 0.7 * plain.max()
    assert (shadow[distance > 0.5] == 0).all()


def test_agents_can_be_added_and_removed(scene):
    target, agents = scene([record(-1, 0)])
    agents.resize(3)
    agents.update(np.array([record(-1, 0), record(0, 1), record(1, -1)], np.float32))
    target.render()
    picture = bodies(target.render())
    assert picture[200, 100] and picture[100, 200] and picture[300, 300]
    agents.resize(2)
    agents.update(np.array([record(-1, 0), record(0, 1)], np.float32))
    target.render()
    picture = bodies(target.render())
    assert picture[200, 100] and picture[100, 200] and not picture[300, 300]


def test_wrong_arguments_are_refused(base):
    with pytest.raises(ValueError, match="one of sphere, cone"):
        Agents(QGrid(EXTENT), 3, "cube")
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        Agents(QGrid(EXTENT), 3).update(np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="need heights"):
        Agents(QGrid(EXTENT), 3, cpu_heights=True).update(np.zeros((3, 4), np.float32))


@pytest.mark.parametrize("shape", ["sphere", "cone"])
@pytest.mark.parametrize("code", [1.0, HIGHLIGHT_BIT + 1.0])
def test_agents_are_the_paler_the_more_their_own_value_differs_from_the_surface(offscreen, shape, code):
    target = offscreen(400, 400)
    look_down(target, HALF)
    grid = QGrid(EXTENT)
    grid.set(np.full((3, 3), -5.0, np.float32), 1)
    grid.set_range(0.0, 100.0)  # the surface is at 0.25
    agents = Agents(grid, 1, shape, 0.3, own_values=True)
    agents.root.reparent_to(target.scene)

    def saturation(own: float) -> float:
        agents.update(np.array([record(code=code)], np.float32), values=np.array([own], np.float32))
        picture = target.render()
        seen = picture[bodies(picture)][:, :3].astype(float).mean(axis=0)
        return float(1.0 - seen.min() / seen.max())

    saturation(-5.0)  # buffers that are made in a frame are filled in the next
    same, near, far, better = (saturation(own) for own in (-5.0, -6.5, -10.0, 0.0))
    assert same > near > far
    assert far < 0.45 * same
    assert better < 0.45 * same
    assert saturation(float("nan")) == pytest.approx(same)
    with pytest.raises(ValueError, match="need values"):
        agents.update(np.array([record()], np.float32))
