"""The formulas in GLSL against float64 NumPy: heights, palette, and the grid texture that feeds them."""

import shutil

import numpy as np
import pytest
from panda3d.core import (
    Geom,
    GeomNode,
    GeomPoints,
    GeomVertexData,
    GeomVertexFormat,
    GeomVertexWriter,
    OmniBoundingVolume,
)

from calf_gpu.colormap import mode_color_array
from calf_gpu.heights import normalise, sample_grid
from calf_gpu.palette import (
    BACKGROUND,
    BAD_COLOR,
    HIGHLIGHT_COLOR,
    MAX_MODES,
    MODE_COLORS,
    code_colors,
)
from calf_gpu.programs import ProgramSource, shaders_dir
from calf_gpu.qgrid import QGrid
from calf_gpu.shader_source import expand

EXTENT = (-3.5, 2.5, -1.0, 4.0)

VERTEX = """#version 330
#include "include/height.glsl"
#include "include/modes.glsl"
in vec4 p3d_Vertex;
uniform int count;
flat out vec4 result;
void main() {
    result = RESULT;
    gl_Position = vec4((2.0 * float(gl_VertexID) + 1.0) / float(count) - 1.0, 0.0, 0.0, 1.0);
}
"""
FRAGMENT = "#version 330\nflat in vec4 result;\nout vec4 color;\nvoid main() { color = result; }\n"


@pytest.fixture
def evaluate(offscreen, tmp_path):
    """``evaluate(grid, points, expression, **inputs)``: what it gives in a vertex shader, (N, 4) float32."""
    shutil.copytree(shaders_dir() / "include", tmp_path / "include")
    (tmp_path / "test.vert").write_text(VERTEX)
    (tmp_path / "test.frag").write_text(FRAGMENT)

    def run(grid: QGrid, points: np.ndarray, expression: str, **inputs) -> np.ndarray:
        target = offscreen(len(points), 1, floats=True)
        data = GeomVertexData("points", GeomVertexFormat.get_v3(), Geom.UH_static)
        writer = GeomVertexWriter(data, "vertex")
        for x, y in points:
            writer.add_data3(float(x), float(y), 0)
        primitive = GeomPoints(Geom.UH_static)
        primitive.add_next_vertices(len(points))
        geom = Geom(data)
        geom.add_primitive(primitive)
        node = GeomNode("points")
        node.add_geom(geom)
        path = target.scene.attach_new_node(node)
        vertex = expand("test.vert", tmp_path, {"RESULT": expression})
        path.set_shader(ProgramSource("test", vertex, expand("test.frag", tmp_path)).make())
        path.set_shader_inputs(count=len(points), **inputs)
        grid.bind(path)
        path.node().set_bounds(OmniBoundingVolume())
        return target.render()[0]

    return run


def grids(rows: int, columns: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(rows)
    x, y = np.meshgrid(np.linspace(-2, 2, columns), np.linspace(-2, 2, rows))
    spikes = np.zeros((rows, columns))
    spikes[random.integers(0, rows, 5), random.integers(0, columns, 5)] = -50
    return {
        "random": random.uniform(-50, 50, (rows, columns)),
        "smooth": -(x * x + x * y + 2 * y * y),
        "spiky": spikes,
    }


def points(count: int = 1500) -> np.ndarray:
    """Inside, outside, on the borders and on the corners."""
    random = np.random.default_rng(1)
    inside = random.uniform((-3.5, -1), (2.5, 4), (count, 2))
    outside = random.uniform((-9, -9), (9, 9), (200, 2))
    edges = inside[:100].copy()
    edges[:50, 0] = np.repeat([-3.5, 2.5], 25)
    edges[50:, 1] = np.repeat([-1.0, 4.0], 25)
    corners = [[x, y] for x in (-3.5, 2.5) for y in (-1, 4)]
    return np.concatenate([inside, outside, edges, corners]).astype(np.float32)


@pytest.mark.parametrize("shape", [(2, 2), (21, 21), (257, 257), (5, 17), (64, 2)])
@pytest.mark.parametrize("kind", ["random", "smooth", "spiky"])
def test_heights_of_the_vertex_shader_are_those_of_numpy(evaluate, shape, kind):
    q = grids(*shape)[kind].astype(np.float32)
    where = points()
    lo, hi = float((q * q).min()), 0.8 * float((q * q).max()) or 1.0  # some heights are clipped
    grid = QGrid(EXTENT)
    grid.set(q, 1)
    grid.set_range(lo, hi)
    result = evaluate(grid, where, "vec4(sample_q(p3d_Vertex.xy), surface_height(p3d_Vertex.xy), 0, 1)")
    expected_q = sample_grid(q.astype(np.float64), EXTENT, where.astype(np.float64))
    assert np.abs(result[:, 0] - expected_q).max() <= 1e-4 * np.ptp(q)
    assert np.abs(result[:, 1] - normalise(expected_q, lo, hi)).max() <= 1e-4


def test_empty_range_of_heights_is_flat_not_nan(evaluate):
    grid = QGrid(EXTENT)
    grid.set(np.full((3, 3), -3.0, np.float32), 1)
    grid.set_range(2.0, 2.0)
    assert (evaluate(grid, points(), "vec4(surface_height(p3d_Vertex.xy))") == 0).all()


def test_slope_of_a_linear_height_is_exact_inside_and_zero_far_outside(evaluate):
    x, y = np.meshgrid(np.linspace(-3.5, 2.5, 7), np.linspace(-1, 4, 7))
    grid = QGrid(EXTENT)
    grid.set(np.sqrt(0.4 + 0.03 * x + 0.05 * y).astype(np.float32), 1)
    where = np.array([[-2.5, 0.6667], [0.5, 2.3333], [1.5, 0.66667], [99.0, 99.0]], np.float32)  # nodes
    slope = evaluate(grid, where, "vec4(surface_slope(p3d_Vertex.xy), 0, 1)")[:, :2]
    assert slope[:3] == pytest.approx(np.tile([0.03, 0.05], (3, 1)), abs=1e-3)
    assert slope[3] == pytest.approx([0, 0])


def test_palette_is_the_one_of_numpy(evaluate):
    codes = np.arange(2 * MAX_MODES)
    where = np.stack([codes, codes * 0], axis=1)

    def colors(expression: str, mode_colors) -> np.ndarray:
        inputs = {"mode_colors": mode_color_array(mode_colors)}
        return evaluate(QGrid(EXTENT), where, f"vec4({expression}, 1)", **inputs)[:, :3]

    for given in (MODE_COLORS, np.random.default_rng(0).random((MAX_MODES, 3))):
        by_code = colors("code_color(p3d_Vertex.x)", given)
        assert by_code == pytest.approx(code_colors(codes.astype(np.float32), given), abs=1e-6)
        assert by_code[: len(given)] == pytest.approx(given, abs=1e-6)
        assert by_code[MAX_MODES:] == pytest.approx(np.tile(HIGHLIGHT_COLOR, (MAX_MODES, 1)), abs=1e-6)
        by_mode = colors("mode_color(p3d_Vertex.x)", given)
        assert by_mode == pytest.approx(np.tile(by_code[:MAX_MODES], (2, 1)), abs=1e-6)
    assert colors("BACKGROUND", MODE_COLORS)[0] == pytest.approx(BACKGROUND, abs=1e-6)
    assert colors("BAD_COLOR", MODE_COLORS)[0] == pytest.approx(BAD_COLOR, abs=1e-6)


def test_grid_is_uploaded_only_when_its_version_changes(evaluate):
    grid = QGrid(EXTENT)
    start = grid.uploaded_bytes
    ones = np.ones((4, 4), np.float32)
    assert grid.set(ones, 1)
    assert grid.uploaded_bytes - start == 64
    assert not grid.set(2 * ones, 1)
    grid.set_range(0, 4)
    assert grid.uploaded_bytes - start == 64
    where = np.zeros((3, 2))
    assert evaluate(grid, where, "vec4(sample_q(p3d_Vertex.xy))") == pytest.approx(1.0)
    assert grid.set(2 * ones, 2)
    assert evaluate(grid, where, "vec4(sample_q(p3d_Vertex.xy))") == pytest.approx(2.0)


def test_grid_is_held_once_as_the_image_of_its_texture(base):
    grid = QGrid(EXTENT)
    for version, shape in enumerate([(2, 2), (3, 5), (3, 5), (9, 4)]):
        q = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        grid.set(q, version)
        image = np.frombuffer(grid.texture.get_ram_image(), np.float32)
        assert np.shares_memory(image, grid.values)
        np.testing.assert_array_equal(image.reshape(shape), q)


def test_grid_takes_any_size_and_copies_the_values(evaluate):
    grid = QGrid(EXTENT)
    where = np.array([[-3.5, -1], [2.5, -1], [-3.5, 4], [2.5, 4]])
    for version, size in enumerate((2, 33, 3), 1):
        q = np.zeros((size, size), np.float32)
        q[0, -1] = 5.0
        grid.set(q, version)
        q[:] = 9.0
        assert evaluate(grid, where, "vec4(sample_q(p3d_Vertex.xy))")[:, 0].tolist() == [0, 5, 0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (9,), (2, 2, 2)])
def test_grids_without_cells_are_refused(base, shape):
    with pytest.raises(ValueError, match="two-dimensional array of at least 2 x 2"):
        QGrid(EXTENT).set(np.zeros(shape, np.float32), 1)


def test_impossible_extent_is_refused(base):
    with pytest.raises(ValueError, match="x0 < x1"):
        QGrid((1, 1, 0, 2))
