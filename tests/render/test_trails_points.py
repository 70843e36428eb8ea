"""The points that the trail shaders pull from the ring, against a model that keeps whole episodes in lists."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from panda3d.core import LVecBase3i

from calf_gpu.heights import normalise, sample_grid
from calf_gpu.qgrid import QGrid
from calf_gpu.thinning import COARSENING, COARSEST, POINT_BUDGET, Thinning, automatic_thinning
from calf_gpu.trails import TrailRing
from float_screen import FloatScreen

EXTENT = (-3.0, 2.0, -1.0, 4.0)

POINTS = """#version 330
#include "include/height.glsl"
#include "include/trail_records.glsl"
out vec4 color;
void main() {
    int point = int(gl_FragCoord.x);
    int agent = int(gl_FragCoord.y);
    color = vec4(0.0);
    if (point < trail_points && agent < trail_rows) {
        vec4 record = trail_record(agent, point_age(point));
        bool joined = point < trail_points - 1 && joins_older(record, point);
        color = vec4(record.xy, surface_height(record.xy), joined ? record.w : -1.0);
    }
}
"""


class TrailModel:
    """What trails are: for each agent, the places and codes of its steps and the steps where it respawned."""

    def __init__(self, agents: int, length: int) -> None:
        self.length = length
        self.step = length
        self.trails = [{} for _ in range(agents)]

    def push(self, points, codes, respawned) -> None:
        self.step += 1
        for trail, point, code, new in zip(self.trails, points, codes, respawned, strict=True):
            trail[self.step] = (tuple(point), code, bool(new))

    def resize(self, agents: int) -> None:
        self.trails = self.trails[:agents] + [{} for _ in range(agents - len(self.trails))]

    def steps(self, thinning: Thinning) -> list[int]:
        """Steps drawn, newest first: the head and those multiples of the strides that the length reaches.

        Multiples of the fine stride go back to one of the coarse stride, with ``fine`` coarse ones on the way.
        """
        coarse = thinning.stride * thinning.coarsening
        result, passed = [self.step], 0
        for step in range(self.step - 1, self.step - self.length - 1, -1):
            if step % (thinning.stride if passed <= thinning.fine else coarse) == 0:
                result.append(step)
            passed += step % coarse == 0
        return result

    def points(self, agent: int, thinning: Thinning) -> list:
        """(place, code or -1) of each point drawn; -1 unless the agent lived without respawn since the older one."""
        trail = self.trails[agent]
        steps = self.steps(thinning)[: thinning.points(self.length)]
        result = []
        for newer, older in zip(steps, [*steps[1:], None], strict=True):
            if newer not in trail:
                result.append(((0.0, 0.0), -1))
                continue
            lived = older in trail and not any(trail[step][2] for step in range(older + 1, newer + 1))
            result.append((trail[newer][0], trail[newer][1] if lived else -1))
        return result


class Ring:
    """A trail ring, the model beside it and a screen that shows what the shaders see."""

    def __init__(self, base, agents: int, length: int, grid=None, **options) -> None:
        self.screen = FloatScreen(base, 64, 16)
        self.grid = grid or QGrid(EXTENT)
        self.ring = TrailRing(self.grid, agents, length, window=self.screen.window, **options)
        self.model = TrailModel(agents, length)
        self.screen.use(POINTS)
        self.bind()

    def bind(self) -> None:
        self.grid.bind(self.screen.screen)
        self.screen.screen.set_shader_inputs(
            trail_records=self.ring.records.texture,
            trail_head=self.ring.records.newest,
            trail_slots=self.ring.length + 1,
            trail_rows=self.ring.agents,
            trail_points=self.points,
            trail_thinning=LVecBase3i(*dataclasses.astuple(self.ring.thinning)),
        )

    def push_random(self, rng, respawn: float = 0.1) -> None:
        agents = self.ring.agents
        points = rng.uniform(-4, 5, (agents, 2)).astype(np.float32)
        codes = rng.choice([0, 1, 2, 16, 17, 18], agents)
        respawned = rng.random(agents) < respawn
        self.ring.push(points, codes, respawned)
        self.model.push(points, codes, respawned)

    def resize(self, agents: int) -> None:
        self.ring.resize(agents)
        self.model.resize(agents)
        self.bind()

    @property
    def points(self) -> int:
        return self.ring.thinning.points(self.ring.length)

    def seen(self) -> np.ndarray:
        """(agents, points, 4): a0, a1, height, code or -1."""
        return self.screen.read()[: self.ring.agents, : self.points]

    def check(self) -> None:
        seen = self.seen()
        thinning = self.ring.thinning
        for agent in range(self.ring.agents):
            expected = self.model.points(agent, thinning)
            expected += [((0.0, 0.0), -1)] * (
                self.points - len(expected)
            )  # the length ends before the last one
            places = np.array([place for place, _ in expected], np.float32)
            np.testing.assert_array_equal(seen[agent, :, :2], places)
            np.testing.assert_array_equal(seen[agent, :, 3], [code for _, code in expected])

    def close(self) -> None:
        self.ring.close()
        self.screen.close()


@pytest.fixture
def ring(base):
    made = []

    def make(*args, **options) -> Ring:
        made.append(Ring(base, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("upload", ["partial", "whole"])
@pytest.mark.parametrize("decimation", [1, 2, 5, 12])
def test_three_wraps_with_respawns_and_changing_numbers_of_agents(ring, upload, decimation):
    rng = np.random.default_rng(decimation)
    shown = ring(4, 12, decimation=decimation, upload=upload)
    for step in range(3 * 13 + 5):
        shown.push_random(rng)
        if step % 11 == 7:
            shown.resize(int(rng.integers(1, 9)))
        if step % 3 == 0:
            shown.push_random(rng)  # two steps in one frame
        shown.check()


@pytest.mark.parametrize(
    "thinning", [Thinning(1, 2, 0), Thinning(2, 2, 3), Thinning(3, 2, 1), Thinning(1, 3, 2)]
)
def test_older_points_lie_on_the_multiples_of_a_coarser_stride(ring, thinning, monkeypatch):
    monkeypatch.setattr("calf_gpu.trails.automatic_thinning", lambda *_: thinning)
    rng = np.random.default_rng(thinning.stride)
    shown = ring(3, 25)
    assert shown.ring.thinning == thinning
    for _ in range(2 * 26 + 7):
        shown.push_random(rng, respawn=0.04)
        shown.check()


@pytest.mark.parametrize("length", [2, 7, 40, 600, 1000])
def test_thinning_reaches_the_whole_length_with_the_points_it_says(length):
    for agents in (1, 30, 1000, 10**5):
        thinning = automatic_thinning("ribbon", agents, length)
        counts = set()
        for step in range(5000, 5000 + thinning.coarse_stride):
            model = TrailModel(1, length)
            model.step = step
            steps = model.steps(thinning)[: thinning.points(length)]
            counts.add(len(steps))
            assert steps[0] - steps[-1] > length - 2 * thinning.coarse_stride
        assert max(counts) == thinning.points(length)
        assert min(counts) >= thinning.points(length) - thinning.coarsening + 1


def test_drawn_points_keep_still_while_the_head_moves(ring):
    rng = np.random.default_rng(0)
    shown = ring(3, 30, decimation=6)
    for _ in range(40):
        shown.push_random(rng, respawn=0)
    before = shown.seen()[:, 1:, :2].tolist()
    for _ in range(5):
        shown.push_random(rng, respawn=0)
        after = shown.seen()[:, 1:, :2].tolist()
        for one_before, one_after in zip(before, after, strict=True):
            assert sum(point in one_before for point in one_after) >= len(one_before) - 1


def test_nothing_is_joined_before_the_first_and_second_step(ring):
    shown = ring(2, 9)
    assert not shown.seen()[..., :2].any()
    shown.push_random(np.random.default_rng(1))
    assert (shown.seen()[..., 3] == -1).all()
    assert len(shown.ring.records.records) == 10


@pytest.mark.parametrize("size", [2, 5, 21])
def test_every_point_lies_on_the_new_surface_after_a_critic_update(ring, size):
    rng = np.random.default_rng(size)
    shown = ring(8, 40, grid=QGrid(EXTENT))
    for version in range(3):
        q = (10 * rng.normal(size=(size, size))).astype(np.float32)
        lo, hi = np.sort(rng.uniform(0, 100, 2))
        shown.grid.set(q, version)
        shown.grid.set_range(lo, hi)
        for _ in range(25 if version == 0 else 0):
            shown.push_random(rng)
        seen = shown.seen().reshape(-1, 4).astype(float)
        values = sample_grid(q.astype(float), EXTENT, seen[:, :2])
        np.testing.assert_allclose(seen[:, 2], normalise(values, lo, hi), atol=1e-4)


def test_bad_arguments_are_refused_in_one_line(ring):
    shown = ring(3, 10)
    with pytest.raises(ValueError, match=r"points must have the shape \(3, 2\), got \(4, 2\)"):
        shown.ring.push(np.zeros((4, 2)), np.zeros(4))
    for options, message in [
        ({"style": "dots"}, "trail style must be one of ribbon, line, got 'dots'"),
        ({"length": 0}, "trail length must be at least 1, got 0"),
        ({"decimation": -1}, r"trail decimation must be in 0..10 \(the length\), got -1"),
        ({"decimation": 11}, r"trail decimation must be in 0..10 \(the length\), got 11"),
        ({"width_px": 0.0}, "trail width must be greater than 0 pixels, got 0.0"),
        ({"agents": 0}, "at least 1"),
        ({"agents": 10_000, "length": 2**20}, "MAX_TEXTURE_BUFFER_SIZE"),
    ]:
        arguments = {"agents": 3, "length": 10, **options}
        with pytest.raises(ValueError, match=message):
            TrailRing(shown.grid, window=shown.screen.window, **arguments)


@pytest.mark.parametrize("style", ["ribbon", "line"])
def test_automatic_thinning_keeps_to_its_budget(style):
    budget = POINT_BUDGET[style]
    assert automatic_thinning(style, 1, budget) == Thinning(1)
    assert automatic_thinning(style, 1, budget + 1) == Thinning(2)
    assert automatic_thinning(style, budget, COARSEST) == Thinning(COARSEST)
    crowd = automatic_thinning(style, 10**6, 600)
    assert (crowd.stride, crowd.coarsening) == (COARSEST, COARSENING)
    assert crowd.points(600) < 0.8 * Thinning(COARSEST).points(600)
    assert automatic_thinning(style, 10**6, 3) == Thinning(3)


def test_thinning_follows_the_number_of_agents(ring):
    shown = ring(1, 600)
    assert shown.ring.thinning == Thinning(1)
    shown.resize(40)
    assert shown.ring.thinning == Thinning(3)
    shown.resize(13)
    assert shown.ring.thinning == Thinning(1)
