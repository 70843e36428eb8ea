"""Includes, defines and the line map of shader sources: plain text, no OpenGL."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.programs import PROGRAMS, program_source, shaders_dir
from calf_gpu.shader_source import DEFINES_FILE, ExpandedSource, ShaderSourceError, expand


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.glsl").write_text(text)
    return folder


def assert_line_map_tells_the_truth(source: ExpandedSource, folder: Path) -> None:
    lines = source.text.splitlines()
    assert len(lines) == len(source.line_map)
    for text, (file, number) in zip(lines, source.line_map, strict=True):
        if file != DEFINES_FILE:
            assert text == (folder / file).read_text().splitlines()[number - 1]


def test_include_is_replaced_by_the_file_and_every_line_is_found_again(tmp_path):
    write(tmp_path, main='#version 330\n#include "part.glsl"\nvoid main() {}\n', part="float a;\nfloat b;\n")
    source = expand("main.glsl", tmp_path)
    assert source.text == "#version 330\nfloat a;\nfloat b;\nvoid main() {}\n"
    assert source.line_map == (("main.glsl", 1), ("part.glsl", 1), ("part.glsl", 2), ("main.glsl", 3))
    assert source.locate(3) == ("part.glsl", 2)
    assert source.locate(99) == ("main.glsl", 3)
    assert source.files == ("main.glsl", "part.glsl")


def test_defines_come_right_after_version(tmp_path):
    write(tmp_path, main="#version 330 core\nfloat a;\n")
    source = expand("main.glsl", tmp_path, {"ON": True, "WIDTH": 1.5, "N": 3, "TYPE": "vec2"})
    assert source.text.splitlines() == [
        "#version 330 core",
        "#define ON 1",
        "#define WIDTH 1.5",
        "#define N 3",
        "#define TYPE vec2",
        "float a;",
    ]
    assert source.locate(3) == (DEFINES_FILE, 2)
    assert source.locate(6) == ("main.glsl", 2)


def test_each_file_is_put_in_once(tmp_path):
    write(
        tmp_path,
        main='#version 330\n#include "a.glsl"\n#include "b.glsl"\n#include "a.glsl"\n',
        a='#include "common.glsl"\nfloat a;\n',
        b='#include "common.glsl"\nfloat b;\n',
        common="float c;\n",
    )
    assert expand("main.glsl", tmp_path).text == "#version 330\nfloat c;\nfloat a;\nfloat b;\n"


def test_includes_in_comments_are_left_alone(tmp_path):
    text = '#version 330\n// #include "no.glsl"\n/*\n#include "no.glsl"\n*/ float a; /* #include "x" */\n'
    write(tmp_path, main=text)
    assert expand("main.glsl", tmp_path).text == text


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"main": '#version 330\n\n#include "no.glsl"\n'}, "main.glsl:3: cannot read shader file 'no.glsl'"),
        (
            {"main": '#version 330\n#include "a.glsl"\n', "a": '\n#include "main.glsl"\n'},
            "a.glsl:2: include cycle",
        ),
        ({"main": '#version 330\n#include "main.glsl"\n'}, "main.glsl:2: include cycle"),
        ({"main": "#version 330\n#include <a.glsl>\n"}, "main.glsl:2: expected #include"),
        (
            {"main": '#version 330\n#include "../a.glsl"\n'},
            "main.glsl:2: '../a.glsl' leaves the shader folder",
        ),
        ({"main": '#version 330\n#include "/etc/passwd"\n'}, "main.glsl:2: '/etc/passwd' leaves"),
        ({"main": "float a;\n"}, "main.glsl:1: the first line of a shader must be"),
        ({"main": "float a;\n#version 330\n"}, "main.glsl:2: #version must be the first line"),
        ({"main": ""}, "main.glsl:1: the first line of a shader must be"),
        ({"main": '#version 330\n#include "a.glsl"\n', "a": "#version 330\n"}, "a.glsl:1: #version must be"),
    ],
)
def test_wrong_sources_are_refused_in_one_line_with_the_place(tmp_path, files, message):
    with pytest.raises(ShaderSourceError) as caught:
        expand("main.glsl", write(tmp_path, **files))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "1x", "gl_Position", "A\nB"])
def test_impossible_defines_are_refused(tmp_path, name):
    with pytest.raises(ShaderSourceError, match="cannot #define"):
        expand("main.glsl", write(tmp_path, main="#version 330\n"), {name: 1})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=6), st.data())
def test_line_map_holds_for_any_tree_of_includes(tmp_path_factory, order, data):
    folder = tmp_path_factory.mktemp("shaders")
    for level, name in enumerate("abcd"):  # a file includes only later ones: no cycles
        children = data.draw(st.lists(st.sampled_from("abcd"[level + 1 :] or "d"), max_size=3))
        body = [f'#include "{child}.glsl"' for child in children if child > name]
        (folder / f"{name}.glsl").write_text("\n".join([f"float {name}0;", *body, f"float {name}1;"]))
    includes = "\n".join(f'#include "{name}.glsl"' for name in order)
    (folder / "main.glsl").write_text(f"#version 330\n{includes}\nvoid main() {{}}")
    source = expand("main.glsl", folder, {"X": 1})
    assert_line_map_tells_the_truth(source, folder)
    assert len(set(source.line_map)) == len(source.line_map)
    assert "#include" not in source.text


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_variant_of_every_program_expands(name):
    for defines in PROGRAMS[name].variants():
        source = program_source(name, defines)
        for stage in (source.vertex, source.fragment):
            assert stage.text.startswith("#version 330\n")
            assert_line_map_tells_the_truth(stage, shaders_dir())


def test_unknown_program_is_refused():
    with pytest.raises(ValueError, match="unknown shader program 'nope'; known are landscape"):
        program_source("nope")
