"""GPU times by timer queries: they grow with the work, arrive late, and nothing breaks where there are none."""

import statistics

import pytest
from panda3d.core import CardMaker, TransparencyAttrib

from calf_gpu import gpu_timer
from calf_gpu.gpu_timer import FRAMES_IN_FLIGHT, GpuTimer
from calf_gpu.raw_gl import RawGLError


@pytest.fixture
def picture(offscreen):
    """A buffer of 400 × 400 pixels whose scene can be filled with layers that cover it."""
    buffer = offscreen(400, 400)

    def add_layers(count):
        card = CardMaker("layer")
        card.set_frame(-6, 6, -6, 6)
        for _ in range(count):
            layer = buffer.scene.attach_new_node(card.generate())
            layer.set_y(2)
            layer.set_color(1, 1, 1, 0.5)
            layer.set_transparency(TransparencyAttrib.M_alpha)

    buffer.add_layers = add_layers
    return buffer


def times(picture, timer, frames=12):
    for _ in range(frames):
        picture.render()
    return timer.take()


def test_times_grow_with_what_is_drawn(picture):
    timer = GpuTimer(picture.buffer)
    picture.add_layers(1)
    few = times(picture, timer)
    if timer.unavailable:
        pytest.skip(timer.unavailable)
    picture.add_layers(80)
    times(picture, timer)
    many = times(picture, timer)
    assert min(few) >= 0.0
    assert statistics.median(many) > 3.0 * statistics.median(few)
    timer.close()


def test_every_frame_is_answered_once(picture):
    timer = GpuTimer(picture.buffer)
    answers = sum(len(times(picture, timer, frames=1)) for _ in range(30))
    if timer.unavailable:
        pytest.skip(timer.unavailable)
    assert 30 - FRAMES_IN_FLIGHT <= answers <= 30
    assert timer.take() == []
    timer.close()
    timer.close()
    assert times(picture, timer) == []


def test_without_the_functions_the_reason_is_given_and_frames_go_on(picture, monkeypatch):
    def nothing():
        raise RawGLError("no OpenGL library to load")

    monkeypatch.setattr(gpu_timer, "resolver", nothing)
    timer = GpuTimer(picture.buffer)
    assert times(picture, timer) == []
    assert timer.unavailable == "no OpenGL library to load"
    timer.close()
