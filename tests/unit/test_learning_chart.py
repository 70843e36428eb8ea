"""Learning curves: which points they keep, and what is drawn of them, without drawing."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from calf_gpu.app.stream.header import Curves, Header, Number
from calf_gpu.app.visuals.drawing import Drawing, Rect
from calf_gpu.app.visuals.glyph_atlas import GlyphAtlas
from calf_gpu.app.visuals.learning_chart import POINTS, LearningChart
from calf_gpu.app.visuals.theme import Measures
from scene_frames import make_header

CURVES = Curves("Learning", ("return", "goal_rate"), "episode", reference="stabilizer")
NUMBERS = (
    Number("episode"),
    Number("return", "Return"),
    Number("goal_rate", "Goal reached", format="percent"),
    Number("stabilizer"),
)


def header() -> Header:
    plain = make_header()
    changes = {"numbers": NUMBERS, "curves": CURVES, "rule": None, "chart": None, "controlled_by": ""}
    return msgspec.structs.replace(plain, **changes, episode="episode")


@pytest.fixture
def chart() -> LearningChart:
    return LearningChart(header(), CURVES)


def push(chart: LearningChart, episode: float, value: float, rate: float = 0.5) -> bool:
    return chart.push(np.array([episode, value, rate, -300.0]))


def test_one_point_an_episode_and_none_before_the_first(chart):
    assert not push(chart, 0, np.nan)
    assert push(chart, 1, -500.0)
    assert not push(chart, 1, -1.0)
    assert push(chart, 3, -400.0, 0.75)
    np.testing.assert_array_equal(chart.samples(), [[1, -500, 0.5], [3, -400, 0.75]])


def test_long_runs_keep_their_shape_in_few_points_and_the_newest_as_it_is(chart):
    episodes = 20_000
    for episode in range(1, episodes + 1):
        push(chart, episode, -1e3 / episode)
    points = chart.samples()
    assert len(points) <= POINTS
    assert (np.diff(points[:, 0]) > 0).all()
    assert points[-1].tolist() == [episodes, -1e3 / episodes, 0.5]
    middle = points[len(points) // 2]
    assert middle[1] == pytest.approx(-1e3 / middle[0], rel=0.05)


def test_a_run_that_starts_again_begins_its_curves_anew(chart):
    for episode in (5, 6, 2):
        push(chart, episode, float(episode))
    np.testing.assert_array_equal(chart.samples(), [[2, 2, 0.5]])


def test_names_and_newest_values_are_written_inside_the_panel(chart):
    for episode in range(1, 50):
        push(chart, episode, -10.0 * episode, episode / 100)
    measures = Measures.of(1280, 720)
    drawing = Drawing(GlyphAtlas(12, 10, 5), measures)
    area = Rect(100, 100, 352, 100 + chart.height(5, measures.row))
    chart.draw(drawing, area)
    boxes = {box.text: box for box in drawing.boxes()}
    assert {"LEARNING", "Return", "−490.00", "Goal reached", "49.0 %", "episode 1", "49"} <= set(boxes)
    for box in boxes.values():
        assert area.x0 <= box.x0 and box.x1 <= area.x1 and area.y0 <= box.y0 and box.y1 <= area.y1
    positions = np.frombuffer(drawing.details(), np.uint8)
    assert positions.size > 0


def test_values_that_do_not_exist_leave_gaps_and_break_nothing(chart):
    for episode, value in enumerate((np.nan, np.inf, -5.0, np.nan, -6.0), 1):
        push(chart, episode, value, np.nan)
    drawing = Drawing(GlyphAtlas(12, 10, 5), Measures.of(1280, 720))
    chart.draw(drawing, Rect(0, 0, 252, 200))
    assert "−6.00" in {box.text for box in drawing.boxes()}
