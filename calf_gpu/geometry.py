"""Panda3D's geometry out of arrays: vertices, triangles between them, and who the corners of grids and quads are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import Geom, GeomEnums, GeomTriangles, GeomVertexData, GeomVertexFormat


def bare_vertices(name: str) -> GeomVertexData:
    """Return vertices without any data: shaders know their number, and primitives say how many there are."""
    return GeomVertexData(name, GeomVertexFormat.get_empty(), GeomEnums.UH_static)


def vertices(name: str, count: int, columns: GeomVertexFormat) -> GeomVertexData:
    """Return vertices that are zero and made to be rewritten.

    Parameters
    ----------
    name
        For Panda3D's own listings.
    count
        Number of vertices.
    columns
        What each vertex has.
    """
    data = GeomVertexData(name, columns, GeomEnums.UH_dynamic)
    data.set_num_rows(count)
    return data


def triangles(data: GeomVertexData, corners: NDArray[np.integer]) -> Geom:
    """Return the geometry of triangles between vertices.

    Parameters
    ----------
    data
        The vertices.
    corners
        (M, 3) numbers of vertices below 2³².
    """
    primitive = GeomTriangles(GeomEnums.UH_static)
    primitive.set_index_type(GeomEnums.NT_uint32)
    indices = primitive.modify_vertices()
    indices.unclean_set_num_rows(corners.size)
    indices.modify_handle().copy_data_from(corners.astype(np.uint32).tobytes())
    geom = Geom(data)
    geom.add_primitive(primitive)
    return geom


def grid_triangles(rows: int, columns: int) -> NDArray[np.int64]:
    """Return the triangles (2·(rows − 1)·(columns − 1), 3) of a grid of vertices that are counted row by row."""
    corner = (np.arange(rows - 1)[:, np.newaxis] * columns + np.arange(columns - 1)).reshape(-1, 1)
    first = corner + np.array([0, 1, columns])
    second = corner + np.array([1, columns + 1, columns])
    return np.concatenate([first, second], axis=1).reshape(-1, 3)


def quad_triangles(count: int) -> NDArray[np.int64]:
    """Return the triangles (2·count, 3) of quads with four vertices each, counted round the quad."""
    corners = np.array([[0, 1, 2], [0, 2, 3]])
    return (4 * np.arange(count)[:, np.newaxis, np.newaxis] + corners).reshape(-1, 3)
