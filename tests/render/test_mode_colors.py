"""Modes with colours of their own, as many as the caller has: read from pixels."""

import numpy as np
import pytest

from calf_gpu.agents import Agents
from calf_gpu.palette import HIGHLIGHT_COLOR, encode
from calf_gpu.qgrid import QGrid
from calf_gpu.trails import TrailRing
from calf_gpu.view import SwarmView
from offscreen import look_down

FIVE = np.array([[1, 0.1, 0], [0, 0.9, 0.2], [0.1, 0.2, 1], [0.9, 0, 0.8], [0.8, 0.8, 0.7]])
HALF = 3.5
EXTENT = (-HALF, HALF, -HALF, HALF)
PLACES = np.stack([np.arange(-3.0, 4.0), np.zeros(7)], axis=1)
"""Seven places in a row: five modes, a mode without a colour, and a highlighted agent."""

MODES = np.array([0, 1, 2, 3, 4, 7, 1])


@pytest.fixture
def target(offscreen):
    target = offscreen(560, 80)
    look_down(target, HALF)
    return target


def nearest(picture: np.ndarray, candidates: np.ndarray) -> list[int]:
    """Which of the colours each of the seven places has, by hue: bodies are lit and ribbons fade."""
    places = picture[..., :3].reshape(80, 7, 80, 3).swapaxes(0, 1).reshape(7, -1, 3).astype(float)
    seen = np.array([place[place.max(axis=1) > 60].mean(axis=0) for place in places])
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    likeness = seen @ (candidates / np.linalg.norm(candidates, axis=1, keepdims=True)).T
    assert (likeness.max(axis=1) > 0.97).all()
    return likeness.argmax(axis=1).tolist()


@pytest.mark.parametrize("shape", ["sphere", "cone"])
def test_agents_have_the_colours_given_for_their_modes(target, shape):
    agents = Agents(QGrid(EXTENT), 7, shape, 0.15, mode_colors=FIVE, window=target.buffer)
    agents.root.reparent_to(target.scene)
    records = np.zeros((7, 4), np.float32)
    records[:, :2] = PLACES
    records[:, 3] = encode(MODES, np.arange(7) == 6)
    agents.update(records)
    target.render()
    assert nearest(target.render(), np.array([*FIVE, HIGHLIGHT_COLOR])) == [0, 1, 2, 3, 4, 4, 5]


@pytest.mark.parametrize("style", ["ribbon", "line"])
def test_trails_have_the_colours_given_for_their_modes(target, style):
    ring = TrailRing(QGrid(EXTENT), 7, 3, style=style, width_px=6.0, mode_colors=FIVE, window=target.buffer)
    ring.root.reparent_to(target.scene)
    for x in (-0.3, 0.0, 0.3):
        ring.push(PLACES + np.array([x, 0.0]), encode(MODES, np.arange(7) == 6))
        picture = target.render()
    assert nearest(picture, FIVE) == [0, 1, 2, 3, 4, 4, 1]


@pytest.mark.parametrize("highlighted", [True, False])
def test_first_agent_of_a_view_is_highlighted_or_not(base, target, highlighted):
    view = SwarmView(base, EXTENT, 7, 5, agent_radius=0.15, trail_style="line", mode_colors=FIVE)
    view.root.reparent_to(target.scene)
    view.landscape.root.hide()
    view.update(PLACES, modes=MODES, highlighted=highlighted)
    target.render()
    candidates = np.array([*FIVE, HIGHLIGHT_COLOR])
    assert nearest(target.render(), candidates) == [5 if highlighted else 0, 1, 2, 3, 4, 4, 1]
    view.agents.root.hide()
    view.update(PLACES + np.array([0.3, 0.0]), modes=MODES, highlighted=highlighted)
    target.render()
    assert nearest(target.render(), FIVE) == [0, 1, 2, 3, 4, 4, 1]  # trails
    view.close()


@pytest.mark.parametrize(
    ("colors", "message"),
    [
        (np.zeros((17, 3)), r"mode colours must be \(K, 3\) with K in 1..16, .*got shape \(17, 3\)"),
        (np.zeros((0, 3)), r"got shape \(0, 3\)"),
        (np.zeros((5, 4)), r"got shape \(5, 4\)"),
        (np.full((2, 3), 255.0), r"sRGB in \[0, 1\], got 255 to 255"),
        (np.full((2, 3), np.nan), r"sRGB in \[0, 1\], got nan"),
    ],
)
def test_impossible_colours_are_refused_in_one_line(base, colors, message):
    with pytest.raises(ValueError, match=message) as error:
        SwarmView(base, EXTENT, 3, 5, mode_colors=colors)
    assert "\n" not in str(error.value)
