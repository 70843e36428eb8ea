#version 330
// Lines on the surface: plane coordinates, level sets of Q, and what the certificate says.
// A full screen of these fragments is the dearest thing in the frame on a software renderer, so quantities come
// in units of their lines' distance, and what can be told by one clamp is.

#include "include/lines.glsl"
#include "include/palette.glsl"

in vec2 cells;                  // plane coordinates in units of the grid lines' distance
in float level;                 // Q in units of the contour step
in vec3 surface_color;
#ifdef OVERLAY
in float usable;                // 0 where the critic has no usable value
#ifdef DISTANCES
in float r2;                    // distance to the goal, squared
#endif
#endif

uniform vec4 grid_lines;        // plane units between grid lines of either axis, and where those of 0 are
uniform float contour_step;     // Q between level sets
uniform vec4 certificate;       // C_low, C_up, norm of the axes not shown squared, Q of the boundary
uniform vec4 goal;              // centre, 1 / 2r, r / 2

out vec4 fragment_color;

#ifdef OVERLAY
const vec3 HATCH_COLOR = vec3(0.20, 0.21, 0.24);
const float HATCHES = 7.0;      // stripes per plane unit along an axis

// How far inside kappa_low(r) <= -Q <= kappa_up(r) with kappa(r) = C r^2; negative where it fails.
float certificate_margin(vec2 plane, float q) {
#ifndef DISTANCES
    float r2 = dot(plane, plane) + certificate.z;
#endif
    return min(-q - certificate.x * r2, certificate.y * r2 + q);
}

vec3 hatched(vec3 color, vec2 plane, float q, vec2 change_x, vec2 change_y) {
    float margin = certificate_margin(plane, q);
    float failing = usable * clamp(0.5 - margin / max(fwidth(margin), 1e-12), 0.0, 1.0);
    float stripes = HATCHES * (plane.x + plane.y);
    float density = HATCHES * change(dot(grid_lines.xy, change_x), dot(grid_lines.xy, change_y));
    float stripe = clamp((0.22 - to_nearest(stripes)) / density + 0.5, 0.0, 1.0);
    stripe = mix(0.44, stripe, lines_apart(density));
    float grey = dot(color, vec3(0.30, 0.59, 0.11));
    vec3 dimmed = 0.15 * color + 0.27 * grey;
    return mix(color, dimmed + stripe * HATCH_COLOR, failing);
}
#endif

void main() {
    vec3 color = surface_color;
    vec2 change_x = dFdx(cells);
    vec2 change_y = dFdy(cells);
    vec2 pixels = inversesqrt(change_x * change_x + change_y * change_y);   // pixels per cell
    vec2 plane = cells * grid_lines.xy + grid_lines.zw;
#if defined(CONTOURS) || defined(OVERLAY)
    // Level sets per pixel; never 0, which would make 0/0 of a constant Q.
    float levels = max(change(dFdx(level), dFdy(level)), 1e-12);
#endif
#ifdef OVERLAY
    color = hatched(color, plane, level * contour_step, change_x, change_y);
#endif
#ifdef CONTOURS
    color *= 1.0 - 0.42 * clamp(1.0 - to_nearest(level) / levels, 0.0, 1.0) * lines_apart(levels);
#endif
    float pixels_per_cell = min(pixels.x, pixels.y);
    // Single lines do not alias in the distance, but would sparkle where the surface is seen from its edge.
    float face_on = clamp(pixels_per_cell - 2.0, 0.0, 1.0);
    // |d^2 - r^2| / 2r is the distance from the ring where it matters, without a root.
    vec2 from_goal = plane - goal.xy;
    vec2 pixels_per_unit = pixels / grid_lines.xy;
    float thick = abs(dot(from_goal, from_goal) * goal.z - goal.w) * min(pixels_per_unit.x, pixels_per_unit.y);
    float light = 0.0;
#ifdef GRID_LINES
    vec2 axis = abs(cells) * pixels;
    thick = min(thick, min(axis.x, axis.y));
    vec2 grid = vec2(to_nearest(cells.x), to_nearest(cells.y)) * pixels;
    light = 0.14 * clamp(1.0 - min(grid.x, grid.y), 0.0, 1.0) * clamp(0.4 * pixels_per_cell - 1.0, 0.0, 1.0);
#endif
    light = max(light, 0.6 * face_on * clamp(1.4 - thick, 0.0, 1.0));
    color += light;
#ifdef OVERLAY
    float boundary = abs(level - certificate.w / contour_step) / levels;
    float shown = usable * clamp(levels * 700.0, 0.0, face_on);
    // In the colour of the agent whose certificate it is, cased in dark to stand out on yellow ground too.
    color *= 1.0 - 0.65 * shown * clamp(0.5 * (5.0 - boundary), 0.0, 1.0);
    color = mix(color, HIGHLIGHT_COLOR, shown * clamp(2.0 - boundary, 0.0, 1.0));
#endif
    fragment_color = vec4(color, 1.0);
}
