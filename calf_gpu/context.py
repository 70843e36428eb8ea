"""What the renderer needs from an OpenGL context, and one line about what is missing."""

from __future__ import annotations

from panda3d.core import GraphicsStateGuardian

GLSL_VERSION = (3, 30)


class ContextError(RuntimeError):
    """The renderer cannot run in a context; the message is one line."""


def missing_features(gsg: GraphicsStateGuardian, records: int = 0) -> list[str]:
    """Return what the renderer needs and a context lacks; empty if it can run.

    Parameters
    ----------
    gsg
        The context, of an open window or buffer.
    records
        Records of the largest table: agents × (trail length + 1).
    """
    missing = []
    version = (gsg.get_driver_shader_version_major(), gsg.get_driver_shader_version_minor())
    if not gsg.get_supports_glsl():
        missing.append("GLSL shaders")
    elif version < GLSL_VERSION:
        missing.append(f"GLSL 3.30 (this driver has {version[0]}.{version[1]:02d})")
    if not gsg.get_supports_geometry_instancing():
        missing.append("instanced drawing")
    # R32F and RGBA32F textures in vertex shaders come with buffer textures and GLSL 3.30 (OpenGL 3.1).
    if not gsg.get_supports_buffer_texture():
        missing.append("buffer textures")
    else:
        limit = gsg.get_max_buffer_texture_size()
        if records > limit:
            missing.append(f"buffer textures of {records} records (MAX_TEXTURE_BUFFER_SIZE is {limit})")
    return missing


def check_context(gsg: GraphicsStateGuardian, records: int = 0) -> None:
    """Raise :class:`ContextError`, naming all that is missing, unless the renderer can run.

    Parameters
    ----------
    gsg, records
        See :func:`missing_features`.
    """
    missing = missing_features(gsg, records)
    if missing:
        renderer = gsg.get_driver_renderer() or "this graphics driver"
        raise ContextError(f"cannot draw on the GPU: {renderer} lacks {', '.join(missing)}")
