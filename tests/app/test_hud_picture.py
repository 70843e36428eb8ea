"""The HUD in pixels: sharp text where the layout says, panels through which the scene is seen."""

from __future__ import annotations

import numpy as np
from panda3d.core import NodePath, OrthographicLens
from PIL import Image, ImageDraw, ImageFont

from calf_gpu.app.stream.header import Category
from calf_gpu.app.visuals import theme
from calf_gpu.app.visuals.glyph_atlas import font_path
from calf_gpu.app.visuals.hud import Hud
from offscreen import run_script
from scene_frames import CATEGORIES, make_header

SIZE = (1280, 720)


def flat_camera(offscreen) -> NodePath:
    """Return a node over which z runs from −0.5 to 0.5 on the picture's height."""
    lens = OrthographicLens()
    lens.set_film_size(SIZE[0] / SIZE[1], 1.0)
    lens.set_near_far(-10, 10)
    offscreen.camera.node().set_lens(lens)
    return offscreen.scene.attach_new_node("flat")


def shown_hud(parent: NodePath) -> Hud:
    hud = Hud(SIZE, parent)
    hud.show_header(make_header())
    return hud


def coverage(pixels: np.ndarray, color: theme.Color, behind: np.ndarray) -> np.ndarray:
    """Return how much of ``color`` lies over ``behind``, by the green channel."""
    return (pixels[..., 1].astype(float) - behind[1]) / (color[1] - float(behind[1]))


def test_text_is_what_freetype_rasterises_pixel_by_pixel(offscreen):
    buffer = offscreen(*SIZE)
    hud = shown_hud(flat_camera(buffer))
    text = "−1,234.5678"
    hud.set_block("Run", [("Reward", text)])
    image = buffer.render()
    box = next(box for box in hud.text_boxes() if box.text == text)
    y0, y1, x0, x1 = (int(edge) for edge in (box.y0 - 2, box.y1 + 2, box.x0 - 1, box.x1 + 1))
    font = ImageFont.truetype(font_path("DejaVuSans.ttf"), 12, layout_engine=ImageFont.Layout.BASIC)
    mask = Image.new("L", (x1 - x0, y1 - y0), 0)
    top = font.getbbox("Qg|†", anchor="ls")[1]
    ImageDraw.Draw(mask).text((1, 2 - top), text, fill=255, font=font, anchor="ls")
    shown = coverage(image[y0:y1, x0:x1], theme.TEXT, image[y0, x0 - 20])
    assert np.abs(shown - np.asarray(mask) / 255.0).max() < 0.02


def test_panels_let_the_scene_through(offscreen):
    buffer = offscreen(*SIZE, background=(1, 1, 1, 1))
    hud = shown_hud(flat_camera(buffer))
    hud.set_block("Run", [("Phase", "training")])
    image = buffer.render()[..., :3].astype(float)
    inside = image[14, 100]
    alpha = theme.PANEL[3] / 255.0
    expected = np.array(theme.PANEL[:3]) * alpha + 255.0 * (1.0 - alpha)
    np.testing.assert_allclose(inside, expected, atol=1.01)
    np.testing.assert_allclose(image[5, 5], 255.0)
    assert image[10, 10].min() > 200  # the corner is rounded


def test_the_mode_is_a_chip_in_its_colour(offscreen):
    buffer = offscreen(*SIZE)
    hud = shown_hud(flat_camera(buffer))
    for category in CATEGORIES:
        hud.set_block("CALF", [("Mode", category.name)])
        image = buffer.render()
        box = next(box for box in hud.text_boxes() if box.text == category.name)
        chip = image[int(box.y0) : int(box.y1), int(box.x0) - 2]
        assert np.abs(chip[2:-2, :3] - 255.0 * np.array(category.color)).max() <= 1.01


def test_the_legend_says_whether_the_swarm_is_checked(offscreen):
    hud = shown_hud(flat_camera(offscreen(*SIZE)))
    shown = []
    for controller in (None, 0, 1, 2):
        hud.explain_controller(controller)
        shown.append([box.text for box in hud.text_boxes() if box.text.startswith("TD3")])
    checked, unchecked = ["TD3: certified"], ["TD3: in the swarm unchecked"]
    assert shown == [checked, checked, unchecked, checked]


def test_another_run_has_its_own_legend_and_leaves_nothing_of_the_last(offscreen):
    buffer = offscreen(*SIZE)
    hud = shown_hud(flat_camera(buffer))
    empty = buffer.render()
    hud.set_block("Run", [("Phase", "training")])
    hud.timeline.push(5, 1.0)
    bare = make_header(
        numbers=(), rule=None, chart=None, controllers=(), controlled_by="", episode="", agent=False,
        categories=(Category("wind", "Wind: whatever blows", (1.0, 0.0, 0.5)),), category_title="What moves it",
    )  # fmt: skip
    hud.show_header(bare)
    assert [box.text for box in hud.text_boxes()] == ["WHAT MOVES IT", "Wind: whatever blows"]
    image = buffer.render()[..., :3].astype(int)
    assert (np.abs(image - (255, 0, 128)).max(axis=-1) <= 1).sum() > 20
    hud.show_header(make_header())
    np.testing.assert_array_equal(buffer.render(), empty)


def test_what_is_removed_is_gone(offscreen):
    buffer = offscreen(*SIZE)
    hud = shown_hud(flat_camera(buffer))
    before = buffer.render()
    hud.help_visible = True
    hud.message("a notice")
    hud.table([("frame", "1 ms")])
    assert np.abs(buffer.render().astype(int) - before).max() > 50
    hud.help_visible = False
    hud.message(None)
    hud.table(None)
    np.testing.assert_array_equal(buffer.render(), before)


SCRIPT = """
import sys
import numpy as np
from calf_gpu.app.visuals.window import Window

window = Window((640, 360), offscreen=True, core_profile={core})
from calf_gpu.app.visuals.hud import Hud

from scene_frames import make_header

hud = Hud(window.size)
hud.show_header(make_header())
hud.set_block("Run", [("Phase", "training"), ("Steps", "12,345")])
hud.message("a notice")
window.step()
window.draw()
from calf_gpu.app.visuals.capture import FrameGrabber

grabber = FrameGrabber(window)
grabber.request()
window.draw()
image = grabber.pixels()
box = next(box for box in hud.text_boxes() if box.text == "a notice")
assert image[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)].max() > 150
np.save({target!r}, image)
assert "torch" not in sys.modules
"""


def test_ursinas_window_shows_the_same_in_both_profiles(tmp_path):
    images = []
    for core in (False, True):
        target = str(tmp_path / f"{core}.npy")
        done = run_script(SCRIPT.format(core=core, target=target))
        assert done.returncode == 0, done.stderr
        assert done.stdout == ""
        images.append(np.load(target).astype(int))
    assert np.abs(images[0] - images[1]).max() <= 1
    assert (images[0].max(axis=2) > 150).sum() > 200  # text
    assert (images[0][180, 300:340] == (11, 15, 23)).all()  # the background between the panels
