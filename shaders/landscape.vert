#version 330
// The critic as a surface: a flat grid whose vertices are made from their number and lifted by the Q-grid.
// Everything smooth (colour, light) is computed here; the fragment shader only draws lines.

#include "include/height.glsl"
#include "include/lighting.glsl"
#include "include/palette.glsl"

uniform mat4 p3d_ModelViewMatrix;
uniform mat4 p3d_ProjectionMatrix;
uniform sampler2D lookup;       // K x 1 colours by height
uniform int resolution;         // vertices along an axis

#ifdef CPU_HEIGHTS
in float height;
#endif

uniform vec4 grid_lines;        // plane units between grid lines of either axis, and where those of 0 are
uniform float contour_step;     // Q between level sets
#if defined(OVERLAY) && defined(DISTANCES)
uniform sampler2D distances;    // R32F like the Q-grid: how far the goal is, r of the bounds kappa(r)
#endif

out vec2 cells;
out float level;
out vec3 surface_color;
#ifdef OVERLAY
out float usable;               // 0 where the critic has no usable value
#endif
#if defined(OVERLAY) && defined(DISTANCES)
out float r2;                   // distance to the goal, squared
#endif

void main() {
    vec2 unit = vec2(gl_VertexID % resolution, gl_VertexID / resolution) / float(resolution - 1);
    vec2 plane = mix(grid_extent.xz, grid_extent.yw, unit);
    float q = sample_q(plane);
#ifndef CPU_HEIGHTS
    float height = height_of_q(q);
#endif
    vec4 position = p3d_ModelViewMatrix * vec4(plane, height, 1.0);
    gl_Position = p3d_ProjectionMatrix * position;

    cells = (plane - grid_lines.zw) / grid_lines.xy;
    bool bad = is_bad(q);
    level = bad ? 0.0 : q / contour_step;
#ifdef OVERLAY
    usable = bad ? 0.0 : 1.0;
#endif
#if defined(OVERLAY) && defined(DISTANCES)
    float r = sample_grid(distances, plane);
    r2 = r * r;
#endif
    PlaneFrame frame = plane_frame(p3d_ModelViewMatrix);
    // Colours follow |Q|, the root of the height: as many for the flat floor, where agents end, as for the walls.
    float texels = float(textureSize(lookup, 0).x);
    vec3 albedo = textureLod(lookup, vec2((sqrt(height) * (texels - 1.0) + 0.5) / texels, 0.5), 0.0).rgb;
    vec3 normal = surface_normal(frame, surface_slope(plane));
    surface_color = bad ? BAD_COLOR : lit(albedo, normal, normalize(-position.xyz), frame, 0.16);
}
