"""Who the corners of triangles are, and the geometry made of them."""

import numpy as np
import pytest
from panda3d.core import GeomVertexFormat

from calf_gpu.geometry import bare_vertices, grid_triangles, quad_triangles, triangles, vertices


@pytest.mark.parametrize(("rows", "columns"), [(5, 5), (2, 2), (3, 7), (9, 2)])
def test_triangles_of_a_grid_cover_it_once(rows, columns):
    corners = grid_triangles(rows, columns)
    assert corners.shape == (2 * (rows - 1) * (columns - 1), 3)
    x, y = corners % columns, corners // columns
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    assert (area == 1).all()  # all of one orientation, half a cell each
    assert np.unique(corners).size == rows * columns
    assert len(np.unique(np.stack([x.min(axis=1), y.min(axis=1)], axis=1), axis=0)) == len(corners) // 2


def test_triangles_of_quads_keep_to_their_own_four_vertices_and_turn_one_way():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    corners = quad_triangles(3)
    assert (corners // 4 == np.repeat([0, 1, 2], 2)[:, np.newaxis]).all()
    a, b, c = square[corners % 4].swapaxes(0, 1)
    assert (np.linalg.det(np.stack([b - a, c - a], axis=1)) == pytest.approx(1.0)) and len(corners) == 6


def test_geometry_holds_the_triangles():
    corners = np.array([[0, 2, 1], [70_000, 1, 2]])
    primitive = triangles(bare_vertices("test"), corners).get_primitive(0)
    assert [primitive.get_vertex(k) for k in range(6)] == corners.ravel().tolist()


def test_vertices_are_zero():
    data = vertices("test", 5, GeomVertexFormat.get_v3())
    assert not np.frombuffer(data.get_array(0), np.float32).any()
    assert data.get_array(0).get_num_rows() == 5
