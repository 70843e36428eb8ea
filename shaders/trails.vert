#version 330
// All trails in one call: an instance is an agent, its vertices are the points of its trail, oldest first, so that
// the last vertex of each segment (it sets the flat values) is the newer one. There are no vertex attributes.

#include "include/height.glsl"
#include "include/modes.glsl"
#include "include/trail_records.glsl"

uniform mat4 p3d_ModelViewProjectionMatrix;
uniform mat4 p3d_ProjectionMatrix;

uniform vec2 viewport;          // pixels

// Part of the distance to the eye by which trails are drawn nearer than they are, because the mesh of the surface
// is coarser than the surface on which the trails lie.
const float MESH_ERROR = 0.002;

vec4 clip_position(vec2 point) {
    return p3d_ModelViewProjectionMatrix * vec4(point, surface_height(point), 1.0);
}

// Changes the depth only. A band that reaches some pixels to the side, where a steep surface is nearer than at
// the band's middle, needs as much again.
vec4 brought_forward(vec4 clip, float reach) {
    float pixel = 2.0 / (p3d_ProjectionMatrix[1][1] * viewport.y);
    float nearer = (MESH_ERROR + reach * pixel) * abs(clip.w);
    clip.z = (clip.z + p3d_ProjectionMatrix[2][2] * nearer) * clip.w
           / (clip.w + p3d_ProjectionMatrix[2][3] * nearer);
    return clip;
}

float freshness(int age) {
    return 1.0 - float(age) / float(trail_slots - 1);
}

#ifdef LINE

flat out vec4 color;

void main() {
    int point = trail_points - 1 - gl_VertexID;
    int age = point_age(point);
    vec4 record = trail_record(gl_InstanceID, age);
    gl_Position = brought_forward(clip_position(record.xy), 1.0);
    float fresh = freshness(age);
    color = vec4(mode_color(record.w), joins_older(record, point) ? fresh * fresh : 0.0);
}

#else

uniform float ribbon_width;     // pixels
uniform float ribbon_casing;    // pixels on each side

flat out vec3 color;
flat out float visible;
noperspective out float across; // pixels from the middle line
noperspective out float half_width;
noperspective out float fresh;

const float SOFT_EDGE = 0.8;    // pixels outside the casing
const float WIDER = 1.5;        // the training agent's ribbon
const float THINNEST = 0.35;    // the oldest end, as a part of the head's width
const float LONGEST_MITRE = 1.6;

// Where the way to another point leaves the space behind the eye.
vec4 at_near_plane(vec4 clip, vec4 other) {
    float here = clip.z + clip.w;
    float there = other.z + other.w;
    return here < 0.0 && there > 0.0 ? mix(clip, other, here / (here - there)) : clip;
}

// Unit vector on the screen, or zero for points in one place.
vec2 direction(vec4 from, vec4 to) {
    vec2 way = (to.xy / to.w - from.xy / from.w) * viewport;
    float size = length(way);
    return size > 1e-4 ? way / size : vec2(0.0);
}

void main() {
    int point = trail_points - 1 - (gl_VertexID >> 1);
    float side = float(gl_VertexID & 1) * 2.0 - 1.0;
    int age = point_age(point);
    vec4 record = trail_record(gl_InstanceID, age);
    bool has_older = point < trail_points - 1 && joins_older(record, point);
    vec4 newer_record = record;
    bool has_newer = point > 0;
    if (has_newer) {
        newer_record = trail_record(gl_InstanceID, point_age(point - 1));
        has_newer = joins_older(newer_record, point - 1);
    }
    if (!has_older && !has_newer) {
        // An empty slot, or a point alone: out of the picture before a height is looked up.
        gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
        color = vec3(0.0);
        visible = across = half_width = fresh = 0.0;
        return;
    }
    vec4 clip = clip_position(record.xy);
    vec4 older = has_older ? clip_position(trail_record(gl_InstanceID, point_age(point + 1)).xy) : clip;
    vec4 newer = has_newer ? clip_position(newer_record.xy) : clip;
    if (clip.z + clip.w < 0.0)
        clip = at_near_plane(clip, older.z + older.w > 0.0 ? older : newer);
    vec2 before = direction(at_near_plane(older, clip), clip);
    vec2 after = direction(clip, at_near_plane(newer, clip));
    before = before == vec2(0.0) ? after : before;
    after = after == vec2(0.0) ? before : after;
    vec2 along = before + after;
    along = dot(along, along) > 1e-6 ? normalize(along) : (after == vec2(0.0) ? vec2(1.0, 0.0) : after);
    float mitre = min(1.0 / max(dot(along, after), 1e-3), LONGEST_MITRE);

    fresh = freshness(age);
    half_width = 0.5 * ribbon_width * mix(THINNEST, 1.0, fresh) * (is_highlighted(record.w) ? WIDER : 1.0);
    across = side * (half_width + ribbon_casing + SOFT_EDGE);
    vec2 offset = vec2(-along.y, along.x) * mitre * across;
    gl_Position = brought_forward(clip, half_width + 1.0);
    gl_Position.xy += offset * 2.0 / viewport * clip.w;
    color = mode_color(record.w);
    visible = has_older ? 1.0 : 0.0;
}

#endif
