// The critic on a regular grid over the plane. NumPy twin: calf_gpu/heights.py, sample_grid.

uniform sampler2D q_grid;   // R32F; rows along the second axis, columns along the first, nodes on the borders
uniform vec4 grid_extent;   // x0, x1, y0, y1

// Beyond it a value is bad. Bad nodes come as 1e38, never as NaN: compilers may assume that there is none.
const float Q_LIMIT = 1e15;

bool is_bad(float q) {
    return !(abs(q) <= Q_LIMIT);
}

// Interpolated by hand: hardware filtering has only 8 bits of weight on many GPUs, which shows as terraces.
float sample_grid(sampler2D grid, vec2 point) {
    ivec2 last = textureSize(grid, 0) - 1;
    vec2 unit = clamp((point - grid_extent.xz) / (grid_extent.yw - grid_extent.xz), 0.0, 1.0);
    vec2 cells = unit * vec2(last);
    ivec2 i = min(ivec2(cells), last - 1);
    vec2 f = cells - vec2(i);
    float v00 = texelFetch(grid, i, 0).r;
    float v10 = texelFetch(grid, i + ivec2(1, 0), 0).r;
    float v01 = texelFetch(grid, i + ivec2(0, 1), 0).r;
    float v11 = texelFetch(grid, i + ivec2(1, 1), 0).r;
    return mix(mix(v00, v10, f.x), mix(v01, v11, f.x), f.y);
}

float sample_q(vec2 point) {
    return sample_grid(q_grid, point);
}

// Distance between neighbouring nodes.
vec2 q_cell_size() {
    return (grid_extent.yw - grid_extent.xz) / vec2(textureSize(q_grid, 0) - 1);
}
