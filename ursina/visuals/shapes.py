"""Small meshes with their light baked into the vertex colours, so that they look lit in any OpenGL profile.

Directions here are plane axes (first axis, second axis, up); positions in Ursina's axes are (a0, height, a1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import NodePath
from ursina import Mesh, application
from ursina.mesh_importer import imported_meshes, load_model

from calf_gpu.geometry import grid_triangles

Array = NDArray[np.float32]

KEY_LIGHT = np.array([-0.60, -0.12, 0.79])
KEY_COLOR = np.array([1.00, 0.97, 0.92])
SKY_COLOR = np.array([0.86, 0.92, 1.00])
GROUND_COLOR = np.array([0.42, 0.40, 0.46])
"""The light of ``shaders/include/lighting.glsl``, so that both scenes look alike."""

CONE_TIP = np.array([2.2, 0.0, -0.7])
CONE_BASE = np.array([-1.8, 0.0, 0.0])
"""Of a cone with a base of radius 1, from the point that is 1 above the ground under it."""


def light(normals: NDArray[np.floating]) -> Array:
    """Return the (N, 3) light, without highlights, that falls on surfaces with unit normals (N, 3)."""
    sky = GROUND_COLOR + (SKY_COLOR - GROUND_COLOR) * (0.5 + 0.5 * normals[:, 2:3])
    key = KEY_LIGHT / np.linalg.norm(KEY_LIGHT)
    diffuse = np.maximum(normals @ key, 0.0)[:, np.newaxis]
    return (0.46 * sky + 0.66 * diffuse * KEY_COLOR).astype(np.float32)


def body_light(normals: NDArray[np.floating]) -> Array:
    """Return the (N, 3) light on agents, which keep their colour in the shade: it says who chose the action."""
    return (0.42 + 0.68 * light(normals)).astype(np.float32)


def mesh(points: NDArray[np.floating], triangles: NDArray[np.integer], colors: NDArray[np.floating]) -> Mesh:
    """Return a mesh of plane points (N, 3), triangles (M, 3) and colours (N, 3)."""
    indices = np.ascontiguousarray(triangles, np.uint32).ravel()
    return Mesh(vertices=flat_vertices(points), triangles=indices, colors=flat_colors(colors))


def flat_vertices(points: NDArray[np.floating]) -> Array:
    """Return plane points (N, 3) as the flat x, y, z of Ursina's axes, which its meshes take without a loop."""
    return np.ascontiguousarray(points[:, [0, 2, 1]], np.float32).ravel()


def flat_colors(colors: NDArray[np.floating]) -> Array:
    """Return (N, 3) RGB as flat opaque RGBA."""
    opaque = np.ones((len(colors), 4), np.float32)
    opaque[:, :3] = np.clip(colors, 0.0, 1.0)
    return opaque.ravel()


def sphere() -> Mesh:
    """Return Ursina's sphere, white and lit, with radius 1."""
    load_model("sphere", application.internal_models_compressed_folder)
    model = imported_meshes["sphere"]  # load_model itself returns a mere copy from the second call on
    normals = np.array(model.normals, np.float32)
    return Mesh(
        vertices=2.0 * np.array(model.vertices, np.float32).ravel(),
        colors=flat_colors(body_light(normals[:, [0, 2, 1]])),
    )


def cone(segments: int) -> Mesh:
    """Return a lit white cone of radius 1 lying along its heading, which is the first axis.

    It turns about the vertical and baked light turns with it, so the light is averaged over half a turn: what
    is left does not tell where the key light stands.
    """
    angle = np.linspace(0.0, 2.0 * np.pi, segments + 1)
    ring = np.stack([np.zeros_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    axis = CONE_TIP - CONE_BASE
    side = ring * np.linalg.norm(axis) + axis / np.linalg.norm(axis)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    back = np.tile([-1.0, 0.0, 0.0], (len(ring), 1))
    tips, bases = np.tile(CONE_TIP, (len(ring), 1)), np.tile(CONE_BASE, (len(ring), 1))
    points = np.concatenate([ring + CONE_BASE, tips, bases, ring + CONE_BASE])
    normals = np.concatenate([side, side, back, back])
    strip = grid_triangles(2, segments + 1)
    turned = normals * [-1, -1, 1]
    colors = 0.5 * (body_light(normals) + body_light(turned))
    return mesh(points, np.concatenate([strip, strip + 2 * len(ring)]), colors)


def copy(model: Mesh) -> NodePath:
    """Return a model for one more entity that shares the vertices of this one."""
    return model.copy_to(NodePath())
