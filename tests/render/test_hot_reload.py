"""Editing shaders of a running program: good edits show, bad ones are reported where they were made."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from calf_gpu.app.utils.shader_watcher import ShaderWatcher
from calf_gpu.hot_reload import ShaderReloader
from calf_gpu.programs import shaders_dir
from calf_gpu.view import SwarmView

MODE_COLOR = "vec3 mode_color("


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shaders_dir(), tmp_path / "shaders"))


class Stage:
    """A small swarm on screen, and the reloader watching a copy of the shader folder."""

    def __init__(self, base, offscreen, folder: Path) -> None:
        self.screen = offscreen(160, 90)
        self.view = SwarmView(
            SimpleNamespace(win=self.screen.buffer, render=self.screen.scene), (-2, 2, -2, 2), 3, 20
        )
        first, second = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-2, 2, 9))
        self.view.show_critic(-(first**2 + second**2), 1)
        for step in range(8):
            self.view.update([[step * 0.1, 0.2], [-0.1 * step, 0.5], [0.3, -0.1 * step]], modes=[0, 1, 2])
        self.screen.camera.set_pos(0, -5, 4)
        self.screen.camera.look_at(0, 0, 0.3)
        programs = [self.view.landscape.program, self.view.trails.program, self.view.agents.program]
        self.reloader = ShaderReloader(self.screen.buffer, programs, folder)

    def picture(self) -> np.ndarray:
        self.screen.render()
        return self.screen.render()

    def reload(self) -> None:
        self.reloader.reload()
        for _ in range(20):
            self.reloader.step()


@pytest.fixture
def stage(base, offscreen, folder) -> Stage:
    return Stage(base, offscreen, folder)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def end_of_main(path: Path, statement: str) -> int:
    """Put a statement before the last brace of a file; its line number."""
    head, _, tail = path.read_text().rpartition("}")
    path.write_text(f"{head}{statement}\n}}{tail}")
    return head.count("\n") + 1


def output_name(folder: Path, shader: str) -> str:
    import re

    return re.search(r"^out vec4 (\w+);", (folder / shader).read_text(), re.M)[1]


def test_an_edit_shows_and_undoing_it_restores_the_picture(stage, folder):
    before = stage.picture()
    original = (folder / "landscape.frag").read_text()
    end_of_main(folder / "landscape.frag", f"{output_name(folder, 'landscape.frag')}.r = 1.0;")
    stage.reload()
    assert stage.reloader.errors == []
    edited = stage.picture()
    assert (edited[..., 0] == 255).mean() > 0.2
    (folder / "landscape.frag").write_text(original)
    stage.reload()
    np.testing.assert_array_equal(stage.picture(), before)


def test_a_mistake_keeps_the_picture_and_names_the_line_that_was_edited(stage, folder):
    before = stage.picture()
    line = end_of_main(folder / "agents.frag", "nonsense = 1;")
    stage.reload()
    np.testing.assert_array_equal(stage.picture(), before)
    assert stage.reloader.errors
    assert stage.reloader.errors[0].startswith(f"agents.frag:{line}:")
    assert "nonsense" in stage.reloader.errors[0]
    edit(folder / "agents.frag", "nonsense = 1;", "")
    stage.reload()
    assert stage.reloader.errors == []
    np.testing.assert_array_equal(stage.picture(), before)


def test_a_mistake_in_an_include_is_located_there_and_a_good_edit_reaches_all_its_programs(stage, folder):
    before = stage.picture()
    height = folder / "include" / "height.glsl"
    good = height.read_text()
    height.write_text(good + "\nfloat broken( {\n")
    stage.reload()
    broken_line = good.count("\n") + 2
    assert any(error.startswith(f"include/height.glsl:{broken_line}:") for error in stage.reloader.errors)
    np.testing.assert_array_equal(stage.picture(), before)
    height.write_text(good.replace("clamp(", "0.5 * clamp(", 1))
    stage.reload()
    assert stage.reloader.errors == []
    changed = stage.picture()
    assert (changed != before).any(axis=-1).mean() > 0.05


def test_a_deleted_file_is_reported_and_its_return_clears_the_report(stage, folder):
    before = stage.picture()
    text = (folder / "include" / "palette.glsl").read_text()
    (folder / "include" / "palette.glsl").unlink()
    stage.reload()
    assert any("palette.glsl" in error for error in stage.reloader.errors)
    np.testing.assert_array_equal(stage.picture(), before)
    (folder / "include" / "palette.glsl").write_text(text)
    stage.reload()
    assert stage.reloader.errors == []


def test_a_half_written_file_is_an_error_until_it_is_whole(stage, folder):
    before = stage.picture()
    text = (folder / "trails.vert").read_text()
    (folder / "trails.vert").write_text(text[: len(text) // 2])
    stage.reload()
    assert stage.reloader.errors
    np.testing.assert_array_equal(stage.picture(), before)
    (folder / "trails.vert").write_text(text)
    stage.reload()
    assert stage.reloader.errors == []


@pytest.mark.parametrize("kind", ["float", "int", "vec2", "vec4", "mat4", "sampler2D"])
def test_a_new_uniform_starts_at_zero_and_may_be_removed_again(stage, folder, kind):
    before = stage.picture()
    path = folder / "landscape.frag"
    text = path.read_text()
    use = {
        "float": "fresh",
        "int": "float(fresh)",
        "vec2": "fresh.x",
        "vec4": "fresh.w",
        "mat4": "(fresh[0][0] - 1.0)",
        "sampler2D": "texture(fresh, vec2(0.5)).r",
    }[kind]
    head, _, tail = text.partition("void main")
    path.write_text(f"{head}uniform {kind} fresh;\nvoid main{tail}")
    end_of_main(path, f"{output_name(folder, 'landscape.frag')}.rgb += vec3({use});")
    stage.reload()
    assert stage.reloader.errors == []
    np.testing.assert_array_equal(stage.picture(), before)
    path.write_text(text)
    stage.reload()
    np.testing.assert_array_equal(stage.picture(), before)


def test_a_new_array_of_uniforms_is_named_until_python_sets_it(stage, folder):
    before = stage.picture()
    path = folder / "landscape.frag"
    text = path.read_text()
    line = text[: text.index("void main")].count("\n") + 1
    path.write_text(text.replace("void main", "uniform vec3 fresh[4];\nvoid main"))
    end_of_main(path, f"{output_name(folder, 'landscape.frag')}.rgb += fresh[2];")
    stage.reload()
    message = f"landscape.frag:{line}: uniform vec3[4] fresh has no value; set it from Python first"
    assert stage.reloader.errors == [message]
    np.testing.assert_array_equal(stage.picture(), before)
    path.write_text(text)
    stage.reload()
    assert stage.reloader.errors == []


def test_a_variant_that_is_not_shown_is_checked_before_a_key_shows_it(stage, folder):
    stage.view.landscape.show_overlay(True)
    overlay = stage.picture()
    stage.view.landscape.show_overlay(False)
    line = end_of_main(folder / "landscape.frag", "#ifdef OVERLAY\n    nonsense = 1;\n#endif") + 1
    stage.reload()
    assert any(error.startswith(f"landscape.frag:{line}:") for error in stage.reloader.errors)
    stage.view.landscape.show_overlay(True)
    np.testing.assert_array_equal(stage.picture(), overlay)


def test_an_unchanged_folder_compiles_nothing(stage, monkeypatch):
    def refuse(*args):
        raise AssertionError("compiled")

    monkeypatch.setattr("calf_gpu.hot_reload.compile_errors", refuse)
    stage.reload()
    assert stage.reloader.errors == []


def test_of_ten_edits_in_a_second_the_last_one_shows(stage, folder):
    """Watcher and reloader together, as the program runs them: saved by writing and by renaming, some broken."""
    stage.picture()
    path = folder / "landscape.frag"
    text, name = path.read_text(), output_name(folder, "landscape.frag")
    head, _, tail = text.rpartition("}")
    with ShaderWatcher(folder) as watcher:
        time.sleep(0.3)
        for edit_number in range(10):
            statement = "nonsense" if edit_number % 3 == 1 else f"{name}.r = {edit_number / 9.0};"
            aside = path.with_suffix(".tmp")
            aside.write_text(f"{head}{statement}\n}}{tail}")
            aside.replace(path) if edit_number % 2 else path.write_text(aside.read_text())
            time.sleep(0.08)
            if watcher.changed():
                stage.reloader.reload()
            stage.reloader.step()
        deadline = time.monotonic() + 10
        while (stage.picture()[..., 0] == 255).mean() < 0.2:
            if watcher.changed():
                stage.reloader.reload()
            assert time.monotonic() < deadline
    assert stage.reloader.errors == []
