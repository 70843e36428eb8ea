"""The HUD's layout, without drawing: nothing over anything, nothing outside, nothing laid out for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panda3d.core import NodePath

from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.glyph_atlas import CHARACTERS, GlyphAtlas, Run
from calf_gpu.app.visuals.hud import PICTURE, Hud
from calf_gpu.app.visuals.keys import KEYS
from calf_gpu.app.visuals.timeline import STRIDE, WINDOW, Timeline
from scene_frames import make_header

SIZES = [(1280, 720), (1920, 1080), (640, 360), (1024, 768), (2560, 1080), (3840, 2160)]
WIDE = "−12,345,678.9012"
ROWS = {
    "Run": [
        ("Phase", "warm-up"),
        ("Episode", "100,000 / 1,000,000"),
        ("Steps", WIDE),
        ("Agents", "100,000"),
        ("Swarm by", "TD3 alone"),
    ],
    "Episode": [("Reward", WIDE), ("Length", WIDE), ("Mean of 10", WIDE), ("Success", "100.0 %")],
    "Training": [("Buffer", WIDE), ("Noise", "0.500"), ("Critic loss", "1.2346e+12"), ("Actor loss", WIDE)],
    "CALF": [
        ("Mode", "nominal"),
        ("P relax", "0.5000"),
        ("Certified", "–"),
        ("Relaxed", "–"),
        ("Nominal", "–"),
    ],
    "Critic": [(label, WIDE) for label in ("Q(s, a)", "Q†", "Q − Q†", "ν̄", "Q least", "Q greatest")],
    "κ bounds": [(label, WIDE) for label in ("‖s‖", "κ low", "−Q(s, a)", "κ up", "Within κ")],
    PICTURE: [("Frame", "123.4 ms"), ("Rate", "8 fps"), ("Heights", "gpu"), ("Trails", "per agent")],
}
TABLE = [("frame", "123.45 ms  p95 234.56  8.1 fps")] + [(f"section {i}", "1.23 ms  10 %") for i in range(40)]


def full(size: tuple[int, int]) -> Hud:
    hud = Hud(size, NodePath("ui"))
    hud.show_header(make_header())
    for title, rows in ROWS.items():
        hud.set_block(title, rows)
    for step in range(1500):
        hud.timeline.push(step, -1e5 * np.sin(step / 100.0))
    hud.explain_overlay(True)
    hud.table(TABLE)
    hud.message("shaders/include/height.glsl:12: 'lo' : undeclared identifier, " * 9)
    hud.help_visible = True
    return hud


@pytest.mark.parametrize("size", SIZES)
def test_no_text_lies_over_other_text_or_outside(size):
    boxes = full(size).text_boxes()
    assert len(boxes) > 80
    for i, a in enumerate(boxes):
        assert a.x0 >= 0, a
        assert a.y0 >= 0, a
        assert a.x1 <= size[0], a
        assert a.y1 <= size[1], a
        for b in boxes[i + 1 :]:
            apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
            assert apart, (a, b)


def test_everything_is_shown_at_the_design_size():
    texts = {box.text for box in full((1280, 720)).text_boxes()}
    for title, rows in ROWS.items():
        assert any(text.lower() == title.lower() for text in texts)
        assert {label for label, _ in rows} <= texts
    for keys in KEYS:
        assert {*keys.caps, keys.words} <= texts


def test_every_sign_that_is_written_has_a_glyph():
    texts = "".join(box.text for box in full((1280, 720)).text_boxes())
    assert set(texts) <= set(CHARACTERS)


def test_text_grows_with_the_picture():
    small, large = (
        {box.text: box for box in full(size).text_boxes()} for size in ((1280, 720), (2560, 1440))
    )
    for text in ("Reward", "Training agent", "Q†"):
        ratio = (large[text].y1 - large[text].y0) / (small[text].y1 - small[text].y0)
        assert 1.8 < ratio < 2.2


def test_resizing_is_the_same_as_starting_with_the_size():
    hud = full((1280, 720))
    hud.resize(1920, 1080)
    assert sorted(map(str, hud.text_boxes())) == sorted(map(str, full((1920, 1080)).text_boxes()))


def test_a_picture_too_small_to_read_shows_nothing_and_comes_back():
    hud = full((64, 64))
    assert hud.text_boxes() == []
    hud.set_block("Run", [("Phase", "training")])
    hud.resize(1280, 720)
    assert "training" in {box.text for box in hud.text_boxes()}


def test_only_changed_blocks_are_laid_out():
    hud = full((1280, 720))
    assert not any(hud.set_block(title, rows) for title, rows in ROWS.items())
    assert hud.set_block("Run", [("Phase", "training"), *ROWS["Run"][1:]])
    assert hud.set_block("Run", [("Phase", "training"), *ROWS["Run"][1:]], rebuild=True)


def test_values_end_at_the_same_place_whatever_they_are():
    hud = Hud((1280, 720), NodePath("ui"))
    hud.show_header(make_header())
    ends = set()
    for value in ("1", "−123,456.7", "0.0001"):
        hud.set_block("Run", [("Steps", value)])
        ends |= {box.x1 for box in hud.text_boxes() if box.text == value}
    assert len(ends) == 1


def test_digits_are_equally_wide():
    atlas = GlyphAtlas(12, 10, 5)
    assert len({atlas.width(digit) for digit in "0123456789"}) == 1


def test_quads_of_a_run_follow_its_advances():
    atlas = GlyphAtlas(12, 10, 5)
    quads = atlas.runs([Run(50.0, 20.0, "HH H", theme.TEXT), Run(50.0, 40.0, "H", theme.DIM, align="right")])
    lefts = quads["position"][:, 0, 0]
    advance = atlas.width("H")
    assert len(quads) == 4  # the space has none
    np.testing.assert_allclose(np.diff(lefts[:3]), [advance, advance + atlas.width(" ")])
    assert lefts[3] - lefts[0] == -advance
    assert quads["color"][3, 0].tolist() == list(theme.DIM)


@given(st.text(max_size=20))
def test_any_text_can_be_written(text):
    atlas = ANY_ATLAS
    quads = atlas.runs([Run(0.0, 0.0, text, theme.TEXT)])
    assert len(quads) <= len(text)
    assert atlas.width(atlas.fit(text, 40.0)) <= max(40.0, atlas.width("…"))


ANY_ATLAS = GlyphAtlas(12, 10, 5)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_timeline_against_a_plain_model(pushes):
    timeline = Timeline(lambda: None)
    model: dict[int, float] = {}
    step = -1
    for ahead, value in pushes:
        for skipped in range(step + 1, step + ahead):
            model[skipped] = model.get(step, np.nan)
        step += ahead
        model[step] = value
        timeline.push(step, value)
    steps, values = timeline.samples()
    first = max(0, step - WINDOW + 1)
    assert steps[-1] == step
    assert all(s % STRIDE == 0 for s in steps[:-1])
    assert steps[0] - first < STRIDE
    np.testing.assert_array_equal(values, [model[s] for s in steps])


def test_timeline_redraws_every_so_manyth_value_and_at_once_while_paused():
    drawn = []
    timeline = Timeline(lambda: drawn.append(1), interval=5)
    for step in range(12):
        timeline.push(step, 0.0)
    assert len(drawn) == 2
    timeline.push(11, 0.0)
    timeline.push(11, 0.0)
    assert len(drawn) == 3


def test_timeline_starts_anew_when_steps_go_back():
    timeline = Timeline(lambda: None)
    for step in (100, 200, 10):
        timeline.push(step, float(step))
    steps, values = timeline.samples()
    assert values[np.isfinite(values)].tolist() == [10.0]
    assert steps[-1] == 10
