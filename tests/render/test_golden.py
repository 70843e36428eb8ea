"""Golden pictures: every scene draws in both OpenGL profiles and looks as it did.

``python -m pytest tests/render/test_golden.py --update-golden`` rewrites them: look at each before it is committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from calf_gpu.programs import PROGRAMS
from golden.pictures import (
    ARTIFACTS,
    FOLDER,
    RENDERER,
    fault,
    golden_file,
    leave_artifacts,
    read,
    rewrite_goldens,
)
from golden.scenes import SCENES
from offscreen import run_script

PROFILES = ("default", "core")
HOSTS = ("panda", "ursina")
COMPARED = {name for name, scene in SCENES.items() if scene.check == "compare"}
REFERENCE = "llvmpipe"
"""The renderer whose pictures are compared: Mesa's software rasterizer, which every machine can have."""


@dataclass(frozen=True)
class Drawings:
    """The pictures of one host and profile."""

    folder: Path
    renderer: str
    programs: dict[str, list[str]]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory) -> Callable[[str, str], Drawings]:
    """Draws all scenes of a host and profile, in one process, when the first of them is asked for."""
    done: dict[tuple[str, str], Drawings] = {}

    def get(host: str, profile: str) -> Drawings:
        if (host, profile) not in done:
            folder = tmp_path_factory.mktemp(f"{host}-{profile}")
            script = f"from pathlib import Path\nfrom golden.draw import draw\ndraw({host!r}, Path({str(folder)!r}))"
            result = run_script(script, profile, timeout=300)
            assert result.returncode == 0, result.stderr
            done[host, profile] = Drawings(folder, **json.loads((folder / "drawn.json").read_text()))
        return done[host, profile]

    return get


@pytest.fixture(scope="session")
def golden_renderer(drawings, request) -> str:
    """The renderer that made the golden pictures, all of which are rewritten first if that was asked for."""
    if request.config.getoption("--update-golden"):
        made = {host: drawings(host, "default") for host in HOSTS}
        renderer = made["panda"].renderer
        if REFERENCE not in renderer:
            pytest.fail(f"golden pictures are made on {REFERENCE}, this is {renderer}")
        rewrite_goldens(
            {name: read(made[SCENES[name].host].folder / f"{name}.png") for name in COMPARED}, renderer
        )
    return RENDERER.read_text().strip()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", SCENES)
def test_scene(name, profile, drawings, golden_renderer):
    drawn = drawings(SCENES[name].host, profile)
    picture = read(drawn.folder / f"{name}.png")
    assert picture.std() > 5, "the picture is empty"
    if SCENES[name].check == "run":
        return
    if REFERENCE not in drawn.renderer:
        pytest.skip(f"drawn, but only compared on {REFERENCE}; this is {drawn.renderer}")
    golden = read(golden_file(name))
    wrong = fault(picture, golden, drawn.renderer == golden_renderer)
    if wrong:
        leave_artifacts(f"{name}-{profile}", picture, golden)
        pytest.fail(
            f"{name} ({profile} profile): {wrong}; see {ARTIFACTS}/{name}-{profile}-*.png. Made by "
            f"{golden_renderer}, drawn by {drawn.renderer}. If the change is wanted: --update-golden"
        )


def test_every_scene_says_whether_it_is_run_or_compared():
    assert {scene.check for scene in SCENES.values()} <= {"run", "compare"}
    assert {scene.host for scene in SCENES.values()} <= set(HOSTS)


def test_golden_pictures_belong_to_scenes_and_one_renderer_made_them(golden_renderer):
    assert {file.stem for file in FOLDER.glob("*.png")} == COMPARED
    assert REFERENCE in golden_renderer


def test_every_program_and_define_is_in_a_compared_picture(drawings):
    programs = drawings("panda", "default").programs
    drawn = [label.split("+") for name in programs if name in COMPARED for label in programs[name]]
    assert {program for program, *_ in drawn} == set(PROGRAMS)
    for name, program in PROGRAMS.items():
        defines = {define for label, *defines in drawn if label == name for define in defines}
        assert defines == {*program.switches, *program.choices}


@pytest.fixture
def gradient() -> np.ndarray:
    return np.tile(np.arange(100, dtype=np.int16)[:, None, None], (1, 100, 3))


def test_one_level_is_accepted_and_two_in_one_channel_of_one_pixel_are_not(gradient):
    assert fault(gradient + 1, gradient, True) is None
    touched = gradient.copy()
    touched[3, 4, 1] += 2
    assert "1 pixels differ by more than 1, at most by 2" in fault(touched, gradient, True)


def test_another_version_of_the_renderer_may_differ_along_edges_but_not_in_what_is_shown(gradient):
    touched = gradient.copy()
    touched[0, :50] += 100
    assert fault(touched, gradient, False) is None
    touched[1, :5] += 100
    assert "0.55% of the pixels" in fault(touched, gradient, False)


def test_pictures_of_another_size_are_named(gradient):
    assert fault(gradient[:50], gradient, True) == "is 100x50, the golden one 100x100"


def test_a_failure_leaves_three_pictures(gradient, tmp_path, monkeypatch):
    monkeypatch.setattr("golden.pictures.ARTIFACTS", tmp_path / "made")
    leave_artifacts("x", gradient + 5, gradient)
    left = {file.name: read(file) for file in (tmp_path / "made").iterdir()}
    np.testing.assert_array_equal(left["x-actual.png"], gradient + 5)
    np.testing.assert_array_equal(left["x-expected.png"], gradient)
    np.testing.assert_array_equal(left["x-difference.png"], 80)
