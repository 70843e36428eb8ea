"""Lines, overlay and light of the landscape, read from pixels."""

import numpy as np
import pytest

from calf_gpu.colormap import DEFAULT_COLORS, lookup_texture
from calf_gpu.heights import normalise, sample_grid
from calf_gpu.landscape import Landscape
from calf_gpu.palette import HIGHLIGHT_COLOR
from calf_gpu.qgrid import QGrid
from offscreen import look_down, plane_points

HALF = 3.5
EXTENT = (-HALF, HALF, -HALF, HALF)


def valley(size: int = 57) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-HALF, HALF, size), np.linspace(-HALF, HALF, size))
    return (-(x * x + x * y + y * y) - 1 - 8 * np.exp(-((x - 1.5) ** 2 + (y + 1) ** 2))).astype(np.float32)


def landscape(q: np.ndarray, colors=((0.6, 0.6, 0.6), (0.6, 0.6, 0.6)), **options) -> Landscape:
    grid = QGrid(EXTENT)
    grid.set(q, 1)
    grid.set_range(float((q**2).min()), float((q**2).max()))
    return Landscape(grid, 113, lookup_texture(colors), **options)


def bare(part: Landscape) -> Landscape:
    part.show_grid_lines(False)
    part.show_contours(False)
    return part


@pytest.fixture
def top(offscreen):
    target = offscreen(400, 400)
    look_down(target, HALF)
    return target


def brightness(picture: np.ndarray) -> np.ndarray:
    return picture[..., :3].astype(float).sum(axis=-1)


def test_heights_from_numpy_draw_the_same_picture(offscreen):
    pictures = []
    for cpu in (False, True):
        target = offscreen(480, 270, background=(0.04, 0.06, 0.09, 1))
        part = landscape(valley(21), DEFAULT_COLORS, cpu_heights=cpu)
        part.show_overlay(True)
        part.set_certificate(-4.99, (0.5, 1000))
        if cpu:
            q = sample_grid(part._grid.values, EXTENT, part.points)
            part.set_heights(normalise(q, *part._grid.range).reshape(113, 113))
            assert part.uploaded_bytes == 4 * 113 * 113
        part.root.reparent_to(target.scene)
        part.root.set_sz(2)
        target.camera.set_pos(5, -9, 5)
        target.camera.look_at(0, 0, 0.3)
        target.render()
        pictures.append(target.render().astype(float))
    assert pictures[0].std() > 20
    assert np.abs(pictures[0] - pictures[1]).mean() <= 0.5


def test_height_of_the_silhouette_is_that_of_the_surface(offscreen):
    """A side view along the second axis shows max over it of the height."""
    target = offscreen(400, 200, background=(0, 0, 0, 1))
    look_down(target, HALF)
    target.camera.set_pos_hpr(0, -50, 0.75, 0, 0, 0)
    q = valley()
    part = bare(landscape(q))
    part.root.reparent_to(target.scene)
    part.root.set_sz(2)
    top_row = (brightness(target.render()) > 60).argmax(axis=0)
    pixel = 2 * HALF / 400
    shown = 0.75 + (100 - top_row) * pixel
    lo, hi = float((q**2).min()), float((q**2).max())
    x = (np.arange(400) + 0.5 - 200) * pixel
    second = np.linspace(-HALF, HALF, 113)
    where = np.stack(np.meshgrid(x, second), axis=-1).reshape(-1, 2)
    expected = 2 * normalise(sample_grid(q.astype(float), EXTENT, where), lo, hi).reshape(113, 400).max(
        axis=0
    )
    assert np.abs(shown - expected)[2:-2].max() < 2.5 * pixel


def test_hatching_is_exactly_where_the_certificate_fails(top):
    q = valley()
    c_low, c_up, offset = 1.4, 12.0, 0.2
    part = bare(landscape(q))
    part.root.reparent_to(top.scene)
    plain = brightness(top.render())
    part.set_certificate(1e6, (c_low, c_up), offset)
    part.show_overlay(True)
    shown = brightness(top.render())
    where = plane_points(top, HALF)
    norm2 = (where**2).sum(axis=-1) + offset**2
    minus_q = -sample_grid(q.astype(float), EXTENT, where.reshape(-1, 2)).reshape(norm2.shape)
    margin = np.minimum(minus_q - c_low * norm2, c_up * norm2 - minus_q)
    fails = margin < 0
    near = np.abs(margin) < 2 * np.abs(np.stack(np.gradient(margin))).sum(axis=0) + 0.05
    assert 0.1 < fails.mean() < 0.9
    assert near.mean() < 0.2
    # Both bounds matter in this scene.
    assert (minus_q > c_up * norm2).sum() > 50 < (minus_q < c_low * norm2).sum()
    changed = np.abs(shown - plain) > 30
    assert (changed == fails)[~near].all()
    stripes = shown[fails & ~near]
    assert np.percentile(stripes, 90) - np.percentile(stripes, 10) > 80  # hatched, not just dimmed


def test_hatching_goes_by_the_distances_that_are_given(top):
    """A distance that has nothing to do with the plane's norm: that from a line outside."""
    q = valley()
    c_low, c_up = 0.4, 2.0
    nodes = np.meshgrid(np.linspace(-HALF, HALF, 57), np.linspace(-HALF, HALF, 57))
    distances = 3.0 + 0.5 * nodes[0] - 0.3 * nodes[1]
    part = bare(landscape(q, distances=True))
    assert part.set_distances(distances, 1)
    assert not part.set_distances(0.0 * distances, 1)
    part.root.reparent_to(top.scene)
    plain = brightness(top.render())
    part.set_certificate(1e6, (c_low, c_up), norm_offset=100.0)
    part.show_overlay(True)
    top.render()
    shown = brightness(top.render())
    where = plane_points(top, HALF)
    r2 = (3.0 + 0.5 * where[..., 0] - 0.3 * where[..., 1]) ** 2
    minus_q = -sample_grid(q.astype(float), EXTENT, where.reshape(-1, 2)).reshape(r2.shape)
    margin = np.minimum(minus_q - c_low * r2, c_up * r2 - minus_q)
    near = np.abs(margin) < 2 * np.abs(np.stack(np.gradient(margin))).sum(axis=0) + 0.15
    assert 0.1 < (margin < 0).mean() < 0.9
    assert near.mean() < 0.25
    # Here and there a stripe is as bright as the surface was.
    assert ((np.abs(shown - plain) > 12) == (margin < 0))[~near].mean() > 0.999
    with pytest.raises(ValueError, match="made with distances"):
        landscape(q).set_distances(distances, 1)


def test_boundary_is_a_cased_line_of_constant_width_where_q_passes_it(top):
    q = valley()
    part = bare(landscape(q))
    part.root.reparent_to(top.scene)
    part.set_contour_step(2.5)  # must not matter
    part.set_certificate(1e6, (0.0, 1e6), 1.0)  # nothing fails
    part.show_overlay(True)
    plain = top.render()
    part.set_certificate(-5.5, (0.0, 1e6), 1.0)
    lined = top.render()
    where = plane_points(top, HALF).reshape(-1, 2)
    values = sample_grid(q.astype(float), EXTENT, where).reshape(400, 400)
    pixels = np.abs(values + 5.5) / np.hypot(*np.gradient(values))
    off_color = np.abs(lined[..., :3] - 255.0 * np.array(HIGHLIGHT_COLOR)).max(axis=-1)
    darker = brightness(lined) / np.maximum(brightness(plain), 1)
    assert (off_color[pixels < 0.5] < 20).all()
    assert (darker[(pixels > 2.4) & (pixels < 2.9)] < 0.7).all()
    assert (np.abs(brightness(lined) - brightness(plain))[pixels > 6.5] < 6).all()


def test_grid_lines_lie_on_multiples_of_the_spacing(top):
    part = bare(landscape(np.zeros((5, 5), np.float32)))
    part.root.reparent_to(top.scene)
    plain = brightness(top.render())
    part.show_grid_lines(True)
    part.set_grid_lines((0.7, 0.7))
    lines = brightness(top.render()) - plain
    where = plane_points(top, HALF)
    pixels = np.abs(where / 0.7 - np.round(where / 0.7)).min(axis=-1) * 0.7 / (2 * HALF / 400)
    assert (lines[pixels < 0.6] > 20).all()
    assert (lines[pixels > 2] == 0).all()
    on_axis = np.abs(where).min(axis=-1) < 0.01
    assert lines[on_axis].min() > 2 * np.median(lines[(pixels < 0.6) & (np.abs(where).min(axis=-1) > 0.1)])


def test_contours_lie_on_multiples_of_the_step(top):
    q = valley()
    part = bare(landscape(q))
    part.root.reparent_to(top.scene)
    part.set_contour_step(2.0)
    plain = brightness(top.render())
    part.show_contours(True)
    lines = plain - brightness(top.render())
    levels = (
        sample_grid(q.astype(float), EXTENT, plane_points(top, HALF).reshape(-1, 2)).reshape(400, 400) / 2
    )
    pixels = np.abs(levels - np.round(levels)) / np.hypot(*np.gradient(levels))
    clear = np.hypot(*np.gradient(levels)) > 0.01
    assert (lines[(pixels < 0.2) & clear] > 50).all()
    assert (lines[pixels > 2] == 0).all()


def test_goal_ring_has_its_radius_and_goes_away(top):
    part = bare(landscape(np.zeros((5, 5), np.float32)))
    part.root.reparent_to(top.scene)
    plain = brightness(top.render())
    part.set_goal((1.0, -0.5), 0.8)
    ring = brightness(top.render()) - plain
    pixels = np.abs(np.hypot(*(plane_points(top, HALF) - (1.0, -0.5)).transpose(2, 0, 1)) - 0.8) / (
        2 * HALF / 400
    )
    assert (ring[pixels < 0.4] > 100).all()
    assert (ring[pixels > 2] == 0).all()
    part.set_goal((0, 0), 0)
    assert (brightness(top.render()) == plain).all()


def test_surface_without_any_change_draws_no_lines_of_q(top):
    """A flat critic lies on a level everywhere: that is an area, not a line."""
    noise = np.random.default_rng(0).normal(0, 3e-6, (57, 57))
    part = bare(landscape((noise - 4).astype(np.float32)))
    part._grid.set_range(0, 20)
    part.root.reparent_to(top.scene)
    plain = brightness(top.render())
    part.show_contours(True)
    part.show_overlay(True)
    part.set_certificate(-4.0, (0.0, 1e9), 1.0)
    assert np.abs(brightness(top.render()) - plain).max() < 6


def test_colours_go_with_the_size_of_q(top):
    """Black to white: brightness rises with |Q|; light shades it, so compare places of equal slope."""
    q = np.repeat(np.sqrt(np.linspace(0.0, 1.0, 9, dtype=np.float32))[:, None], 9, axis=1)
    part = bare(landscape(q, ((0, 0, 0), (1, 1, 1))))
    part.root.reparent_to(top.scene)
    column = brightness(top.render())[::-1, 200][30:-30]
    assert (np.diff(column) >= -2).all()
    assert column[-1] > 3 * column[0]


def test_channels_of_the_colour_table_are_red_green_blue(top):
    part = bare(landscape(np.zeros((5, 5), np.float32), [(1.0, 0.5, 0.0), (1.0, 0.5, 0.0)]))
    part.root.reparent_to(top.scene)
    red, green, blue = top.render()[100, 100, :3].astype(int)
    assert red > 1.5 * green > 3 * blue


@pytest.mark.parametrize("resolution", [0, 1, 5000])
def test_impossible_resolutions_are_refused(base, resolution):
    with pytest.raises(ValueError, match="between 2 and 1000"):
        Landscape(QGrid(EXTENT), resolution, lookup_texture(DEFAULT_COLORS))


@pytest.mark.parametrize(
    "colors", [np.zeros((1, 3)), np.zeros((4, 4)), np.full((4, 3), 1.5), np.full((4, 3), np.nan)]
)
def test_impossible_colour_tables_are_refused(colors):
    with pytest.raises(ValueError, match="colour table must"):
        lookup_texture(colors)
