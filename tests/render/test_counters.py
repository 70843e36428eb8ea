"""What the frame counters report about scenes whose draw calls and uploads are known."""

from __future__ import annotations

import numpy as np
import pytest

from calf_gpu.counters import WORLD_ONLY, FrameCounters
from calf_gpu.record_buffer import RECORD_BYTES, RecordBuffer
from offscreen import Offscreen, run_script


@pytest.fixture
def counted(offscreen):
    scene = offscreen(32, 32)
    counters = FrameCounters(scene.buffer)
    yield scene, counters
    counters.close()
    counters.close()


def add_cards(scene, count):
    from panda3d.core import CardMaker, NodePath

    cards = [NodePath(CardMaker("card").generate()) for _ in range(count)]
    for index, card in enumerate(cards):
        card.reparent_to(scene.scene)
        card.set_pos(0.1 * index, 5, 0)
    return cards


@pytest.mark.parametrize("count", [0, 1, 9])
def test_each_geometry_is_a_draw_call(counted, count):
    scene, counters = counted
    add_cards(scene, count)
    for _ in range(3):
        scene.render()
        assert counters.draw_calls == count


def test_bytes_of_an_uploaded_texture(counted):
    from panda3d.core import Texture

    scene, counters = counted
    texture = Texture("numbers")
    texture.setup_2d_texture(64, 32, Texture.T_float, Texture.F_r32)
    add_cards(scene, 1)[0].set_texture(texture)
    scene.render()
    scene.render()
    assert counters.upload_bytes == 0
    texture.modify_ram_image()
    scene.render()
    assert counters.upload_bytes == 64 * 32 * 4
    scene.render()
    assert counters.upload_bytes == 0


@pytest.mark.parametrize("upload", ["partial", "whole"])
def test_bytes_of_records(counted, upload):
    scene, counters = counted
    rows, slots = 6, 11
    table = RecordBuffer(rows, slots, upload, window=scene.buffer)
    # Only textures that a node uses are uploaded; what is drawn does not matter.
    add_cards(scene, 1)[0].set_texture(table.texture)
    scene.render()
    scene.render()
    for step in range(4):
        table.write(step, np.ones((rows, 4)))
        scene.render()
        assert counters.upload_bytes == RECORD_BYTES * rows * (1 if upload == "partial" else slots)
    scene.render()
    assert counters.upload_bytes == 0


def test_counting_may_start_again(offscreen):
    scene = offscreen(8, 8)
    add_cards(scene, 2)
    for _ in range(2):
        counters = FrameCounters(scene.buffer)
        scene.render()
        assert counters.draw_calls == 2
        counters.close()


def test_core_profile():
    result = run_script(
        """
        from direct.showbase.ShowBase import ShowBase
        from panda3d.core import CardMaker
        from calf_gpu.counters import FrameCounters
        base = ShowBase()
        counters = FrameCounters()
        for x in range(3):
            base.render.attach_new_node(CardMaker("card").generate()).set_pos(0.1 * x, 5, 0)
        for _ in range(3):
            base.graphicsEngine.render_frame()
        print("draw calls", counters.draw_calls)
        """,
        profile="core",
    )
    assert "draw calls 3" in result.stdout, result.stderr


def test_the_world_is_counted_without_notes_and_displays(offscreen):
    scene = offscreen(32, 32)
    cards = add_cards(scene, 5)
    cards[0].hide(WORLD_ONLY)
    display = scene.buffer.make_display_region()
    display.set_sort(20)
    other = Offscreen(scene._base, 8, 8)  # only for a second scene with a camera of its own
    add_cards(other, 2)
    display.set_camera(other.camera)
    other.buffer.set_active(False)
    counters = FrameCounters(scene.buffer, scene.camera, world_every=3)
    seen = []
    for _ in range(5):
        scene.render()
        seen.append((counters.draw_calls, counters.world_draw_calls))
    assert seen == [(7, 0), (7, 0), (7, 0), (7, 4), (7, 4)]
    cards[1].remove_node()
    for _ in range(3):
        scene.render()
    assert (counters.draw_calls, counters.world_draw_calls) == (6, 3)
    counters.close()
    counters.close()
    scene.render()
    other.close()


@pytest.mark.parametrize("agents", [1, 20, 1000, 10_000])
def test_a_swarm_of_any_size_is_three_draw_calls(agents):
    result = run_script(
        f"""
        import numpy as np
        from direct.showbase.ShowBase import ShowBase
        from calf_gpu import SwarmView
        from calf_gpu.counters import FrameCounters
        base = ShowBase()
        view = SwarmView(base, (-3, 3, -3, 3), {agents}, 4, trail_style="line")
        view.show_critic(-np.ones((3, 3)), 1)
        base.cam.set_pos(0, -12, 9)
        base.cam.look_at(0, 0, 0)
        counters = FrameCounters(camera=base.cam, world_every=2)
        for step in range(4):
            view.update(np.random.default_rng(step).uniform(-3, 3, ({agents}, 2)))
            base.graphicsEngine.render_frame()
        print("draw calls", counters.draw_calls, counters.world_draw_calls)
        """
    )
    assert "draw calls 3 3" in result.stdout, result.stderr
