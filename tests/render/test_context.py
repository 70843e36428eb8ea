"""What is said about contexts that cannot run the renderer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from calf_gpu.context import ContextError, check_context, missing_features


def driver(glsl=(3, 30), instancing=True, buffers=True, limit=65536, glsl_at_all=True):
    return SimpleNamespace(
        get_supports_glsl=lambda: glsl_at_all,
        get_driver_shader_version_major=lambda: glsl[0],
        get_driver_shader_version_minor=lambda: glsl[1],
        get_supports_geometry_instancing=lambda: instancing,
        get_supports_buffer_texture=lambda: buffers,
        get_max_buffer_texture_size=lambda: limit,
        get_driver_renderer=lambda: "Old GPU",
    )


def test_this_context_will_do(base):
    assert missing_features(base.win.get_gsg(), records=10_000 * 601) == []
    check_context(base.win.get_gsg())


@pytest.mark.parametrize(
    ("gsg", "records", "expected"),
    [
        (driver(glsl=(1, 20)), 0, ["GLSL 3.30 (this driver has 1.20)"]),
        (driver(glsl_at_all=False, glsl=(0, 0)), 0, ["GLSL shaders"]),
        (driver(instancing=False), 0, ["instanced drawing"]),
        (driver(buffers=False, limit=0), 5, ["buffer textures"]),
        (driver(), 65536, []),
        (driver(), 65537, ["buffer textures of 65537 records (MAX_TEXTURE_BUFFER_SIZE is 65536)"]),
        (driver(glsl=(4, 60)), 0, []),
    ],
)
def test_what_is_missing_is_named(gsg, records, expected):
    assert missing_features(gsg, records) == expected


def test_error_is_one_line_with_everything_that_is_missing():
    with pytest.raises(ContextError) as error:
        check_context(driver(glsl=(1, 50), instancing=False))
    assert str(error.value) == (
        "cannot draw on the GPU: Old GPU lacks GLSL 3.30 (this driver has 1.50), instanced drawing"
    )
