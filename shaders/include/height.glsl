// Critic value to height in [0, 1]; the node's scale makes it a height in the world.
// NumPy twin: calf_gpu/heights.py, normalise.

#include "include/qgrid.glsl"

uniform vec2 q2_range;      // lo, hi: the range of q squared that maps to [0, 1]

float height_of_q(float q) {
    if (is_bad(q)) return 0.0;
    float span = q2_range.y - q2_range.x;
    return span > 0.0 ? clamp((q * q - q2_range.x) / span, 0.0, 1.0) : 0.0;
}

float surface_height(vec2 point) {
    return height_of_q(sample_q(point));
}

// (dh/da0, dh/da1) over half a cell to each side: continuous, where the exact slope of a bilinear surface jumps
// at every grid line and would show each cell as a facet.
vec2 surface_slope(vec2 point) {
    vec2 step = 0.5 * q_cell_size();
    float right = surface_height(point + vec2(step.x, 0.0));
    float left = surface_height(point - vec2(step.x, 0.0));
    float above = surface_height(point + vec2(0.0, step.y));
    float below = surface_height(point - vec2(0.0, step.y));
    return vec2(right - left, above - below) / (2.0 * step);
}
