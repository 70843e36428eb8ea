"""Trails as pixels: where they are, where they must not be, and that the ring's bookkeeping never shows."""

from __future__ import annotations

import numpy as np
import pytest

from calf_gpu.colormap import lookup_texture
from calf_gpu.counters import FrameCounters
from calf_gpu.landscape import Landscape
from calf_gpu.palette import MODE_COLORS, encode
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import STYLES, TrailRing
from offscreen import Offscreen, run_script

EXTENT = (-1.0, 1.0, -1.0, 1.0)
ALL_STYLES = pytest.mark.parametrize("style", STYLES)


class Canvas:
    """A trail ring seen straight from above; plane coordinates [-1, 1] fill the picture."""

    def __init__(self, base, agents: int = 1, length: int = 20, size: int = 100, **options) -> None:
        from panda3d.core import OrthographicLens

        self.offscreen = Offscreen(base, size, size)
        lens = OrthographicLens()
        lens.set_film_size(2, 2)
        lens.set_near_far(-10, 10)
        self.offscreen.camera.node().set_lens(lens)
        self.offscreen.camera.set_hpr(0, -90, 0)
        self.grid = QGrid(EXTENT)
        self.ring = TrailRing(self.grid, agents, length, window=self.offscreen.buffer, **options)
        self.ring.root.reparent_to(self.offscreen.scene)

    def look(self, position, target, fov=60) -> None:
        """Use a perspective camera instead."""
        from panda3d.core import PerspectiveLens

        lens = PerspectiveLens()
        lens.set_fov(fov)
        lens.set_near_far(0.1, 100)
        self.offscreen.camera.node().set_lens(lens)
        self.offscreen.camera.set_pos(*position)
        self.offscreen.camera.look_at(*target)

    def push(self, *points, codes=0, respawned=False) -> None:
        agents = self.ring.agents
        self.ring.push(np.array(points, float), np.full(agents, codes), np.full(agents, respawned))

    def line(self, start, end, steps: int = 20, **options) -> None:
        """One agent walks straight."""
        for part in np.linspace(0, 1, steps + 1):
            self.push((1 - part) * np.asarray(start) + part * np.asarray(end), **options)

    def picture(self) -> np.ndarray:
        """(H, W, 3) float in [0, 1], row 0 on top."""
        return self.offscreen.render()[..., :3] / 255.0

    def close(self) -> None:
        self.ring.close()
        self.offscreen.close()


@pytest.fixture
def canvas(base):
    made = []

    def make(*args, **options) -> Canvas:
        made.append(Canvas(base, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def circle(step: int, agents: int, period: int) -> np.ndarray:
    angle = 2 * np.pi * step / period + np.arange(agents)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.linspace(0.4, 0.9, agents)[:, None]


@ALL_STYLES
def test_no_line_across_a_respawn(canvas, style):
    for decimation in (1, 3):
        shown = canvas(style=style, decimation=decimation)
        for step in range(9):
            shown.push((-0.8, -0.8 + 0.1 * step))
        for step in range(9):
            shown.push((0.8, -0.8 + 0.1 * step), respawned=step == 0)
        picture = shown.picture()
        assert picture[:, 20:80].max() == 0
        assert picture[:, :20].max() > 0
        assert picture[:, 80:].max() > 0.5


@ALL_STYLES
def test_fresh_ring_and_added_agents_draw_nothing(canvas, style):
    shown = canvas(style=style)
    assert shown.picture().max() == 0
    shown.push((0.5, 0.5))
    assert shown.picture().max() == 0
    shown.push((0.9, 0.5))
    shown.ring.resize(2)
    picture = shown.picture()
    assert picture[:, 72:].max() > 0.5
    assert picture[:, :70].max() == 0  # no line from the origin, where the empty records are
    shown.push((0.9, 0.6), (-0.8, -0.8))
    shown.push((0.9, 0.7), (-0.8, -0.3))
    picture = shown.picture()
    assert picture[65:90, 5:15].max() > 0.5
    assert picture[:, 20:70].max() == 0


@ALL_STYLES
def test_no_seam_wherever_the_ring_wraps(canvas, style):
    length = 12
    shown = canvas(agents=3, length=length, style=style)
    shown.ring.push(circle(0, 3, 40), np.arange(3), np.ones(3, bool))
    first = None
    for offset in range(length + 2):
        for step in range(length + 1):
            shown.ring.push(circle(step, 3, 40), (np.arange(3) + step // 4) % 3, np.zeros(3, bool))
        picture = shown.picture()
        first = picture if first is None else first
        np.testing.assert_array_equal(picture, first, err_msg=f"ring offset {offset}")
        shown.ring.push(circle(-1, 3, 40), np.arange(3), np.zeros(3, bool))  # turns the ring by one more
    assert first.max() > 0.5


@ALL_STYLES
def test_all_uploads_give_the_same_pixels(canvas, style):
    rng = np.random.default_rng(5)
    rings = [canvas(3, 10, style=style, upload=upload) for upload in ("partial", "whole")]
    for step in range(25):
        agents = rings[0].ring.agents
        points, codes = circle(step, agents, 30), rng.integers(0, 3, agents)
        respawned = rng.random(agents) < 0.1
        for shown in rings:
            shown.ring.push(points, codes, respawned)
            if step == 14:
                shown.ring.resize(5)
        pictures = [shown.picture() for shown in rings]
        np.testing.assert_array_equal(pictures[1], pictures[0])
    assert pictures[0].max() > 0.5


@ALL_STYLES
def test_trails_follow_the_surface(canvas, style):
    shown = canvas(style=style)
    shown.offscreen.camera.set_hpr(0, 0, 0)  # from the side: rows of the picture are heights
    shown.line((-0.9, 0), (0.9, 0))
    shown.grid.set_range(0.0, 1.0)
    for version, height in enumerate((0.2, 0.7)):
        shown.grid.set(np.full((2, 2), np.sqrt(height), np.float32), version)
        rows = np.flatnonzero(shown.picture()[:, 30:70].max(axis=(1, 2)) > 0.3)
        assert abs(rows.mean() + 0.5 - (50 - 50 * height)) < 1.0
        assert len(rows) <= 6


@ALL_STYLES
def test_head_is_drawn_whatever_the_decimation(canvas, style):
    shown = canvas(style=style, decimation=7)
    for step in range(20):
        x = -0.9 + 0.09 * step
        shown.push((x, 0))
        if step >= 8:
            columns = np.flatnonzero(shown.picture().max(axis=(0, 2)) > 0.3)
            assert abs(columns.max() - (50 + 50 * x)) <= 1.5


@ALL_STYLES
def test_segment_has_the_mode_of_its_newer_point(canvas, style):
    shown = canvas(style=style, length=3, size=200)
    for x, mode in ((-0.6, 2), (0.0, 0), (0.6, 1)):
        shown.push((x, 0), codes=mode)
    picture = shown.picture()
    for column, mode in ((70, 0), (130, 1)):
        color = picture[:, column][picture[:, column].sum(axis=1).argmax()]
        np.testing.assert_allclose(
            color / color.max(), MODE_COLORS[mode] / MODE_COLORS[mode].max(), atol=0.05
        )


@ALL_STYLES
def test_trails_fade_with_age(canvas, style):
    shown = canvas(style=style, length=20)
    shown.line((-0.9, 0), (0.9, 0))
    brightness = shown.picture().sum(axis=(0, 2))
    assert brightness[6:12].mean() < 0.35 * brightness[85:92].mean()
    assert (np.diff(brightness[6:92].reshape(-1, 2).mean(axis=1)) > -0.15).all()


@pytest.mark.parametrize("width", [1.0, 3.0, 8.0])
def test_ribbon_has_its_width_in_pixels(canvas, width):
    shown = canvas(2, length=1000, width_px=width, decimation=1)
    codes = encode(np.zeros(2, int), np.array([False, True]))
    for x in (-0.9, 0.0, 0.9):
        shown.ring.push([[x, 0.5], [x, -0.5]], codes)
    column = shown.picture()[:, 50, 2] / MODE_COLORS[0, 2]
    casing = 2 * 1.2 * 0.6 * 0.09  # the casing's dark blue over black
    assert column[:50].sum() == pytest.approx(width + casing, abs=0.25)
    assert column[50:].sum() == pytest.approx(1.5 * width + casing, abs=0.35)


def test_sharp_turns_do_not_spike(canvas):
    for angle in (90, 120, 150, 170, 179, 180):
        shown = canvas(width_px=6.0, length=100)
        turn = np.radians(180 - angle)
        shown.line((-0.5, 0), (0, 0), 5)
        shown.push((-0.5 * np.cos(turn), 0.5 * np.sin(turn)))
        rows, columns = np.nonzero(shown.picture().max(axis=2) > 0.02)
        assert columns.max() <= 50 + 1.6 * (3 + 2) + 1
        assert rows.max() <= 50 + 1.6 * (3 + 2) + 1


@ALL_STYLES
@pytest.mark.parametrize("x", [0.0, 0.4, -2.0])
def test_trail_that_passes_the_camera_stays_where_it_is(canvas, style, x):
    shown = canvas(length=100, style=style, width_px=4.0)
    shown.look((0, 0, 1), (0, 1, 1))
    for y in (12.0, 3.0, -4.0, -9.0, 5.0):
        shown.push((x, y))
    rows, columns = np.nonzero(shown.picture().max(axis=2) > 0.02)
    assert len(rows) > 20
    # The line's points at depth d are at column 50 + f·x/d and row 50 + f/d.
    off_line = np.abs((columns + 0.5 - 50) - x * (rows + 0.5 - 50)) / np.hypot(1, x)
    assert off_line.max() <= 2 + 2 + 1
    assert rows.min() >= 50 + 86.6 / 12 - 6


def test_points_in_one_place_draw_a_dot_at_most(canvas):
    shown = canvas()
    for _ in range(12):
        shown.push((0.2, 0.2))
    rows, columns = np.nonzero(shown.picture().max(axis=2))
    assert all(abs(columns - 60) < 6)
    assert all(abs(rows - 40) < 6)


def test_trails_are_not_hidden_by_the_coarser_mesh_of_the_surface(canvas, base):
    x = np.linspace(-1, 1, 21)
    q = -(1.2 * np.hypot(*np.meshgrid(x, 1.3 * x)) + 0.3 * np.sin(5 * x)).astype(np.float32)
    shown = canvas(length=60, width_px=3.0, size=400)
    shown.grid.set(q, 1)
    shown.grid.set_range(float((q * q).min()), float((q * q).max()))
    shown.look((0, -1.5, 3.0), (0, 0, 0.2))
    for step in range(61):
        shown.ring.push(circle(step, 1, 60) * 2, [2])
    alone = shown.picture()
    band = (alone[..., 0] > 0.9) & (alone[..., 2] < 0.3)
    surface = Landscape(shown.grid, 81, lookup_texture([[0, 0, 0.5], [0, 0.5, 0.5]]))
    surface.root.reparent_to(shown.offscreen.scene)
    together = shown.picture()
    assert band.sum() > 300
    assert (together[..., 0][band] > 0.85).mean() > 0.98


@pytest.mark.parametrize("agents", [1, 20, 1000])
def test_one_draw_call_and_16_bytes_an_agent(canvas, agents):
    for length in (3, 50, 400):
        shown = canvas(agents, length)
        counters = FrameCounters(shown.offscreen.buffer)
        for step in range(6):
            shown.ring.push(circle(step, agents, 30), np.zeros(agents))
            shown.offscreen.render()
            if step > 2:  # by now the buffer object exists
                assert (counters.draw_calls, counters.upload_bytes) == (1, 16 * agents)
        counters.close()
        shown.close()


def test_a_thousand_frames_compile_nothing(canvas):
    shown = canvas(3, 50, size=16)
    shown.picture()
    objects = shown.offscreen.buffer.get_gsg().get_prepared_objects()
    before = objects.get_num_prepared_shaders(), objects.get_num_queued_shaders()
    for step in range(1000):
        shown.ring.push(circle(step, shown.ring.agents, 90), np.zeros(shown.ring.agents))
        if step % 100 == 50:
            shown.ring.resize(1 + step // 100)
            shown.ring.set_width(1 + step / 500)
            shown.grid.set(np.full((2, 2), step, np.float32), step)
        shown.offscreen.render()
    assert (objects.get_num_prepared_shaders(), objects.get_num_queued_shaders()) == before


COMPILE = """
    from direct.showbase.ShowBase import ShowBase
    from calf_gpu.programs import PROGRAMS, compile_errors, program_source
    base = ShowBase()
    sources = [program_source("trails", defines) for defines in PROGRAMS["trails"].variants()]
    print(len(sources), "errors", compile_errors(base.win, sources))
"""


@pytest.mark.parametrize("profile", ["default", "core"])
def test_every_variant_compiles(profile):
    result = run_script(COMPILE, profile)
    assert "2 errors {}" in result.stdout, result.stdout + result.stderr


def test_core_profile_draws_the_same_pixels(canvas, tmp_path):
    script = f"""
        import sys; sys.path.insert(0, "tests/render")
        import numpy as np
        from direct.showbase.ShowBase import ShowBase
        from test_trails_pictures import Canvas, spirals
        base = ShowBase()
        for style in ("ribbon", "line"):
            np.save({str(tmp_path)!r} + "/" + style, spirals(Canvas(base, 3, 30, style=style)))
    """
    result = run_script(script, "core")
    assert result.returncode == 0, result.stderr
    for style in STYLES:
        expected = spirals(canvas(3, 30, style=style))
        assert expected.max() > 0.5
        np.testing.assert_allclose(np.load(tmp_path / f"{style}.npy"), expected, atol=1.5 / 255)


def spirals(shown: Canvas) -> np.ndarray:
    for step in range(40):
        shown.ring.push(circle(step, 3, 50) * (1 - step / 60), encode(np.arange(3), np.arange(3) == 2))
    return shown.picture()
