#version 330
// No vertex data: the record of an agent gives place, heading and colour. First a fan of triangles draped on the
// surface (contact shadow), then a quad facing the eye in which the body is traced: a SPHERE, or a CONE lying on the
// surface with its nose along the heading. Bodies too small to have a shape are points: discs shaded like spheres.

#include "include/height.glsl"
#include "include/lighting.glsl"
#include "include/modes.glsl"

uniform mat4 p3d_ModelViewMatrix;
uniform mat4 p3d_ProjectionMatrix;
uniform samplerBuffer agent_records;    // a0, a1, heading, code
#ifdef CPU_HEIGHTS
uniform samplerBuffer agent_heights;
#endif
#ifdef OWN_VALUES
uniform samplerBuffer agent_values;     // the critic at each agent's own state, with all its axes
#endif
uniform float agent_radius;             // plane units
uniform vec2 viewport;                  // pixels

out vec3 position;          // view space
out vec2 offset;            // shadow and point: from the middle, 1 at the rim
flat out vec3 body_color;
flat out vec4 body;         // centre (CONE: of the base) in view space and radius; radius 0: shadow, -1: point
flat out vec3 body_axis;    // CONE: from base to nose, in radii

const int VERTICES = 9;                 // of an agent
const int SHADOW_VERTICES = 5;          // corners and middle; the others are the corners of the quad
const float SHADOW_SIZE = 1.9;
const vec2 SHADOW_PIXELS = vec2(2.0, 3.0);  // radius of a body below which it has no shadow, and a full one
#ifdef CONE
const float POINT_PIXELS = 0.7;         // radius below which a body is a point
const float POINT_SIZE = 1.2;           // of its radius: covers about what the cone does
#else
const float POINT_PIXELS = 3.0;
const float POINT_SIZE = 1.0;
#endif
const float HIGHLIGHT_SIZE = 1.4;
const float MARGIN = 1.25;              // of the quad around a body: perspective and the anti-aliased rim
const float CONE_LENGTH = 4.0;          // in radii of the base
const float CONE_BACK = 1.8;            // from the agent's place to the base
const vec3 PALE_COLOR = vec3(0.74, 0.78, 0.83);
const float PALENESS = 0.78;            // of an agent whose own height is nothing like the surface's
const vec2 PALE_FROM = vec2(0.02, 0.25);    // differences of heights at which agents begin to pale, and are palest
const float REACH = 6.0;                // of body and shadow from the agent's place, in radii, generously

// Agents are no instances: with so few vertices each, most lanes of a GPU would be idle.
int agent() {
    return gl_VertexID / VERTICES;
}

int vertex_of_agent() {
    return gl_VertexID % VERTICES;
}

vec3 direction_to_eye(vec3 point) {
    return p3d_ProjectionMatrix[3][3] == 0.0 ? -normalize(point) : vec3(0.0, 0.0, 1.0);
}

// Corners of the square [-1, 1]^2 and its middle.
vec2 fan_corner(int vertex) {
    vec2 rim = vec2(vertex == 0 || vertex == 3 ? -1.0 : 1.0, vertex < 2 ? -1.0 : 1.0);
    return vertex == 4 ? vec2(0.0) : rim;
}

// Corners of the square [-1, 1]^2, row by row.
vec2 quad_corner(int vertex) {
    return vec2(vertex % 2 == 1 ? 1.0 : -1.0, vertex / 2 == 1 ? 1.0 : -1.0);
}

// Corner of the smallest quad across the line of sight that covers a body from `start` to `end`.
vec3 covering_corner(vec2 corner, vec3 start, vec3 end, float radius) {
    vec3 middle = 0.5 * (start + end);
    vec3 eye = direction_to_eye(middle);
    vec3 reach = 0.5 * (end - start);
    reach -= dot(reach, eye) * eye;
    float half_length = length(reach);
    vec3 fallback = cross(eye, abs(eye.y) < 0.9 ? vec3(0.0, 1.0, 0.0) : vec3(1.0, 0.0, 0.0));
    vec3 along = half_length > 0.01 * radius ? reach / half_length : normalize(fallback);
    return middle + corner.x * (half_length + MARGIN * radius) * along
                  + corner.y * MARGIN * radius * cross(eye, along);
}

// Whether nothing within `reach` (view space) of an upright line shows, whatever the height on it.
bool is_outside(vec4 low, vec4 high, float reach) {
    vec2 margin = reach * vec2(p3d_ProjectionMatrix[0][0], p3d_ProjectionMatrix[1][1]);
    vec2 low_edge = low.w + margin + reach;
    vec2 high_edge = high.w + margin + reach;
    bvec2 right = bvec2(low.x > low_edge.x && high.x > high_edge.x, low.y > low_edge.y && high.y > high_edge.y);
    bvec2 left = bvec2(low.x < -low_edge.x && high.x < -high_edge.x, low.y < -low_edge.y && high.y < -high_edge.y);
    return any(right) || any(left) || max(low.w, high.w) < -reach;
}

void shadow_vertex(vec4 record, float radius, float unit, float share) {
    offset = fan_corner(vertex_of_agent());
    // Away from the key light, so that the shadow also says where the light is.
    vec2 place = record.xy + radius * (share * SHADOW_SIZE * offset - 0.45 * KEY_LIGHT.xy);
    position = (p3d_ModelViewMatrix * vec4(place, surface_height(place), 1.0)).xyz;
    position += 0.12 * radius * unit * direction_to_eye(position);
}

float height_at(vec2 place) {
#ifdef CPU_HEIGHTS
    return texelFetch(agent_heights, agent()).r;
#else
    return surface_height(place);
#endif
}

// The colour of the record, paler where the surface under the agent is not that of its own state.
vec3 color_of(vec4 record) {
    vec3 color = code_color(record.w);
#ifdef OWN_VALUES
    float own = texelFetch(agent_values, agent()).r;
    float apart = is_bad(own) ? 0.0 : abs(height_of_q(own) - surface_height(record.xy));
    color = mix(color, PALE_COLOR, PALENESS * smoothstep(PALE_FROM.x, PALE_FROM.y, apart));
#endif
    return color;
}

void body_vertex(vec4 record, float radius, PlaneFrame frame) {
    vec2 slope = surface_slope(record.xy);
    vec3 point = (p3d_ModelViewMatrix * vec4(record.xy, height_at(record.xy), 1.0)).xyz;
    vec3 up = surface_normal(frame, slope);
    body = vec4(point + radius * up, radius);
    vec2 corner = quad_corner(vertex_of_agent() - SHADOW_VERTICES);
#ifdef CONE
    vec2 heading = vec2(cos(record.z), sin(record.z));
    vec3 along = normalize(mat3(p3d_ModelViewMatrix) * vec3(heading, dot(slope, heading)));
    // On its side: the base stands on the surface, the nose points a little down to it.
    body_axis = CONE_LENGTH * normalize(along - 0.2 * up);
    body.xyz -= CONE_BACK * radius * along;
    position = covering_corner(corner, body.xyz, body.xyz + radius * body_axis, radius);
#else
    position = covering_corner(corner, body.xyz, body.xyz, radius);
#endif
}

// A square around a disc of the body's size, with half a pixel around it for its soft rim.
void point_vertex(vec4 record, float radius, float pixels, PlaneFrame frame) {
    offset = (1.0 + 0.7 / (POINT_SIZE * pixels)) * quad_corner(vertex_of_agent() - SHADOW_VERTICES);
    position = (p3d_ModelViewMatrix * vec4(record.xy, height_at(record.xy), 1.0)).xyz + radius * frame.up;
    body = vec4(position, -1.0);
    position.xy += POINT_SIZE * radius * offset;
}

void main() {
    vec4 record = texelFetch(agent_records, agent());
    PlaneFrame frame = plane_frame(p3d_ModelViewMatrix);
    float radius = agent_radius * (is_highlighted(record.w) ? HIGHLIGHT_SIZE : 1.0);
    body_color = vec3(0.0);
    body = vec4(0.0);
    body_axis = vec3(0.0);
    offset = vec2(0.0);
    // Agents that cannot be seen, and shadows too small to be, end here, before a height is looked up.
    vec4 low = p3d_ProjectionMatrix * (p3d_ModelViewMatrix * vec4(record.xy, 0.0, 1.0));
    vec4 high = p3d_ProjectionMatrix * (p3d_ModelViewMatrix * vec4(record.xy, 1.0, 1.0));
    float size = radius * frame.scale.x;
    float pixels = 0.5 * viewport.y * p3d_ProjectionMatrix[1][1] * size / max(min(low.w, high.w), 1e-6);
    bool in_shadow = vertex_of_agent() < SHADOW_VERTICES;
    bool is_point = pixels < POINT_PIXELS;
    if (is_outside(low, high, REACH * size) || (in_shadow && pixels < SHADOW_PIXELS.x)) {
        position = vec3(0.0);
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        return;
    }
    body_color = color_of(record);
    if (in_shadow) shadow_vertex(record, radius, frame.scale.x, smoothstep(SHADOW_PIXELS.x, SHADOW_PIXELS.y, pixels));
    else if (is_point) point_vertex(record, size, pixels, frame);
    else body_vertex(record, size, frame);
    gl_Position = p3d_ProjectionMatrix * vec4(position, 1.0);
}
