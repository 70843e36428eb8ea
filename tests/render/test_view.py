"""The whole view, as its docstring shows it and in other coordinate systems."""

import textwrap

import numpy as np
import pytest

import calf_gpu
from calf_gpu.view import SwarmView, contour_step
from offscreen import run_script


@pytest.mark.parametrize("profile", ["default", "core"])
def test_the_example_of_the_docstring_runs_and_draws(profile):
    example = textwrap.dedent(calf_gpu.__doc__.split("::\n", 1)[1]).replace("range(1000)", "range(5)")
    assert len([line for line in example.splitlines() if line and "import" not in line]) <= 10
    check = """
import numpy as np
from panda3d.core import PNMImage
image = PNMImage()
base.win.get_screenshot(image)
colors = {tuple(image.get_xel_val(x, y)) for x in range(0, image.get_x_size(), 7)
          for y in range(0, image.get_y_size(), 7)}
assert len(colors) > 200, len(colors)
"""
    result = run_script(example + check, profile)
    assert result.returncode == 0, result.stderr


PICTURE = """
from panda3d.core import load_prc_file_data
load_prc_file_data("", "coordinate-system SYSTEM\\nwin-size 320 180")
import numpy as np
from direct.showbase.ShowBase import ShowBase
from panda3d.core import LVector3, CS_zup_right, LMatrix4f, get_default_coordinate_system
from calf_gpu import SwarmView
base = ShowBase()
view = SwarmView(base, (-3, 3, -3, 3), 3, 10, shape="cone", agent_radius=0.3)
q = np.random.default_rng(0).uniform(-3, -1, (7, 7))
view.show_critic(q, 1)
for t in range(6):
    view.update([[0.2 * t, 0], [1, 0.2 * t], [-1, 0.1 * t]], [0.4, 1.5, 3.0], [0, 1, 2])
    base.graphicsEngine.render_frame()
convert = LMatrix4f.convert_mat(CS_zup_right, get_default_coordinate_system())
base.cam.set_pos(convert.xform_point(LVector3(3, -9, 7)))
base.cam.look_at(convert.xform_point(LVector3(0, 0, 0.5)), convert.xform_vec(LVector3(0, 0, 1)))
base.graphicsEngine.render_frame()
base.graphicsEngine.render_frame()
from panda3d.core import Texture
texture = base.win.get_screenshot()
np.save(r"FILE", np.frombuffer(texture.get_ram_image(), np.uint8).reshape(180, 320, -1))
"""


def test_picture_is_the_same_in_a_z_up_and_a_left_handed_y_up_application(tmp_path):
    pictures = []
    for system in ("zup-right", "yup-left"):
        file = tmp_path / f"{system}.npy"
        result = run_script(PICTURE.replace("SYSTEM", system).replace("FILE", str(file)))
        assert result.returncode == 0, result.stderr
        pictures.append(np.load(file).astype(float))
    assert pictures[0].std() > 10
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.5


def test_cpu_heights_draw_the_same_view(base, offscreen):
    random = np.random.default_rng(2)
    q = random.uniform(-4, -1, (9, 9))
    points, modes = random.uniform(-2.5, 2.5, (12, 2)), random.integers(0, 3, 12)
    pictures = []
    for cpu in (False, True):
        target = offscreen(480, 270)
        view = SwarmView(base, (-3, 3, -3, 3), 12, 20, cpu_heights=cpu)
        view.root.reparent_to(target.scene)
        view.show_critic(q, 1)
        for step in range(5):
            view.update(points + 0.05 * step, modes=modes)
            target.render()
        target.camera.set_pos(3, -9, 6)
        target.camera.look_at(0, 0, 0.5)
        pictures.append(target.render().astype(float))
        view.close()
    assert pictures[0].std() > 20
    assert np.abs(pictures[0] - pictures[1]).mean() <= 0.5


@pytest.mark.parametrize("cpu", [False, True])
def test_a_critic_is_only_taken_when_its_version_or_its_range_changed(base, cpu):
    view = SwarmView(base, (-3, 3, -3, 3), 1, 5, cpu_heights=cpu)
    grid, mesh = 4 * 5 * 9, 4 * 101 * 101 * cpu

    def sent(*critic) -> tuple[int, int]:
        before = view.grid.uploaded_bytes, view.landscape.uploaded_bytes
        view.show_critic(*critic)
        return view.grid.uploaded_bytes - before[0], view.landscape.uploaded_bytes - before[1]

    q = np.random.default_rng(0).uniform(-3, -1, (5, 9))
    assert sent(q, 1) == (grid, mesh)
    shown = view.grid.range
    assert shown == pytest.approx([(q**2).min(), (q**2).max()])
    assert sent(q, 1) == sent(7 * q, 1) == (0, 0)
    assert view.grid.range == shown
    assert sent(q, 1, (0.1, 4.3)) == (0, mesh)
    assert sent(q, 1, (0.1, 4.3)) == (0, 0)
    assert sent(q, 2, (0.1, 4.3)) == (grid, mesh)
    view.close()


def test_level_sets_follow_a_range_that_is_the_one_before_the_first_critic(base):
    view = SwarmView(base, (-3, 3, -3, 3), 1, 5)
    view.show_critic(np.zeros((3, 3)), 1, view.grid.range)
    step = view.landscape.root.get_shader_input("contour_step")
    assert step.get_vector()[0] == pytest.approx(contour_step(*view.grid.range))
    view.close()


def test_agents_are_added_and_removed(base, offscreen):
    target = offscreen(64, 64)
    view = SwarmView(base, (-3, 3, -3, 3), 2, 20)
    view.root.reparent_to(target.scene)
    for n in (2, 5, 1):
        view.resize(n)
        view.update(np.zeros((n, 2)), respawned=np.zeros(n, bool))
        target.render()
    with pytest.raises(ValueError):
        view.update(np.zeros((3, 2)))
    view.close()


@pytest.mark.parametrize(("lo", "hi"), [(0, 1), (4, 9), (0, 1e-6), (1, 12345.0), (100, 100.5)])
def test_contour_step_is_round_and_gives_some_ten_levels(lo, hi):
    step = contour_step(lo, hi)
    levels = (hi**0.5 - lo**0.5) / step
    assert 6 <= levels <= 16.1
    assert float(f"{step:.0e}") == pytest.approx(step)
    assert f"{step:e}"[0] in "125"


def test_contour_step_of_a_flat_critic_is_finite():
    assert contour_step(3.0, 3.0) == 1.0


@pytest.mark.parametrize(("agents", "length"), [(1, 10), (20, 10), (20, 600), (1000, 100)])
def test_a_frame_uploads_32_bytes_an_agent_and_the_grid_when_it_changed(agents, length):
    """Measured by Panda3D's own counters and those of the raw writes, for any trail length."""
    result = run_script(
        f"""
        import numpy as np
        from direct.showbase.ShowBase import ShowBase
        from calf_gpu import SwarmView
        from calf_gpu.counters import FrameCounters
        base = ShowBase()
        view = SwarmView(base, (-3, 3, -3, 3), {agents}, {length})
        rng = np.random.default_rng(0)
        counters = FrameCounters()
        sent = []
        for step in range(12):
            view.show_critic(-rng.random((17, 17)), step // 4)
            view.update(rng.uniform(-3, 3, ({agents}, 2)))
            base.graphicsEngine.render_frame()
            sent.append(counters.upload_bytes)
        print("sent", *sent[3:])
        """
    )
    sent = [int(word) for word in result.stdout.partition("sent")[2].split()]
    records, grid = 32 * agents, 4 * 17 * 17
    expected = [records + (grid if step % 4 == 0 else 0) for step in range(3, 12)]
    assert sent == expected, result.stderr
