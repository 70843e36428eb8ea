"""Every program compiles, in every variant and GL profile; errors name the line that a person edits."""

import shutil

import pytest

from calf_gpu.programs import (
    PROGRAMS,
    ProgramSwitch,
    compile_errors,
    program_source,
    readable_log,
    shaders_dir,
)
from offscreen import run_script

COMPILE_ALL = """
from direct.showbase.ShowBase import ShowBase
base = ShowBase()
from calf_gpu.programs import PROGRAMS, compile_errors, program_source
base.graphicsEngine.render_frame()
sources = [program_source(name, defines) for name, p in PROGRAMS.items() for defines in p.variants()]
assert len(sources) >= 20
print("failed:", compile_errors(base.win, sources))
print("profile:", base.win.gsg.driver_version)
"""


@pytest.mark.parametrize("profile", ["default", "core"])
def test_every_variant_compiles(profile):
    result = run_script(COMPILE_ALL, profile)
    assert "failed: {}" in result.stdout, result.stdout + result.stderr
    if profile == "core":
        assert "Core" in result.stdout


def test_messages_name_the_edited_line_of_the_included_file(base, tmp_path):
    shutil.copytree(shaders_dir(), tmp_path, dirs_exist_ok=True)
    broken = tmp_path / "include" / "qgrid.glsl"
    lines = broken.read_text().splitlines()
    lines.append("float broken() { return no_such_thing; }")
    broken.write_text("\n".join(lines))
    source = program_source("agents", {"SPHERE": 1}, tmp_path)
    good = program_source("agents", {"CONE": 1})
    failed = compile_errors(base.win, [source, good])
    assert list(failed) == ["agents+SPHERE"]
    first = failed["agents+SPHERE"][0]
    assert first.startswith(f"include/qgrid.glsl:{len(lines)}: ")
    assert "no_such_thing" in first


@pytest.mark.parametrize(
    "line",
    [
        "agents+SPHERE.vert:3(17): error: `x' undeclared",
        ":display:gsg:glgsg(error): agents+SPHERE.vert:3:17: error: `x' undeclared",
        "agents+SPHERE.vert(3) : error C1503: undefined variable `x' undeclared",
        "agents+SPHERE.vert:3: `x' undeclared",
    ],
)
def test_logs_of_all_drivers_are_understood(line):
    source = program_source("agents", {"SPHERE": 1})
    (message,) = readable_log(source, line)
    file, number = source.vertex.locate(3)
    assert message.startswith(f"{file}:{number}: ")
    assert message.endswith("`x' undeclared")


def test_variants_are_read_once_and_switched(base):
    from panda3d.core import NodePath

    node = NodePath("node")
    switch = ProgramSwitch(node, "landscape", ("GRID_LINES", "OVERLAY"), ("CPU_HEIGHTS",))
    first = node.get_shader()
    switch.use(["OVERLAY"])
    assert node.get_shader() != first
    switch.use([])
    assert node.get_shader() == first
    assert [set(defines) for defines in switch.reachable()] == [
        {"CPU_HEIGHTS"},
        {"CPU_HEIGHTS", "GRID_LINES"},
        {"CPU_HEIGHTS", "OVERLAY"},
        {"CPU_HEIGHTS", "GRID_LINES", "OVERLAY"},
    ]


def test_the_variants_of_the_program_table_are_all_there():
    assert len(list(PROGRAMS["landscape"].variants())) == 32
    switches = ((), ("CPU_HEIGHTS",), ("OWN_VALUES",), ("CPU_HEIGHTS", "OWN_VALUES"))
    assert {frozenset(v) for v in PROGRAMS["agents"].variants()} == {
        frozenset((shape, *on)) for shape in ("SPHERE", "CONE") for on in switches
    }
