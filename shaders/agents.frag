#version 330
// Traces the body in its quad, so that it is round at any size and its depth is that of its surface.

#include "include/lighting.glsl"
#include "include/cone.glsl"

in vec3 position;
in vec2 offset;
flat in vec3 body_color;
flat in vec4 body;
flat in vec3 body_axis;

uniform mat4 p3d_ModelViewMatrix;
uniform mat4 p3d_ProjectionMatrix;

out vec4 fragment_color;

// Seen point of the body in view space, normal there, and the share of the pixel that the body covers.
struct Body {
    vec3 point;
    vec3 normal;
    float coverage;
};

vec3 ray_through(vec3 point) {
    return p3d_ProjectionMatrix[3][3] == 0.0 ? normalize(point) : vec3(0.0, 0.0, -1.0);
}

#ifdef SPHERE
Body trace_body() {
    vec3 ray = ray_through(position);
    vec3 to_centre = body.xyz - position;
    float along = dot(to_centre, ray);
    float miss = length(to_centre - along * ray);
    float coverage = clamp((body.w - miss) / max(fwidth(miss), 1e-9) + 0.5, 0.0, 1.0);
    vec3 point = position + ray * (along - sqrt(max(body.w * body.w - miss * miss, 0.0)));
    return Body(point, normalize(point - body.xyz), coverage);
}
#else
// Four rays a pixel on a rotated grid.
Body trace_body() {
    const vec2 SAMPLES[4] = vec2[4](vec2(-0.125, -0.375), vec2(0.375, -0.125), vec2(0.125, 0.375), vec2(-0.375, 0.125));
    vec3 right = dFdx(position);
    vec3 up = dFdy(position);
    Body seen = Body(vec3(0.0), vec3(0.0), 0.0);
    for (int i = 0; i < 4; i++) {
        vec3 point = position + SAMPLES[i].x * right + SAMPLES[i].y * up;
        vec3 ray = ray_through(point);
        // In radii from the base and from just before the body: near the eye, digits would be lost.
        vec3 origin = (point - body.xyz) / body.w - 4.0 * ray;
        Hit hit = trace_cone(origin, ray, body_axis);
        if (hit.hit) {
            seen.point += body.xyz + body.w * (origin + hit.distance * ray);
            seen.normal += hit.normal;
            seen.coverage += 1.0;
        }
    }
    float hits = max(seen.coverage, 1.0);
    return Body(seen.point / hits, normalize(seen.normal + vec3(0.0, 0.0, 1e-9)), 0.25 * seen.coverage);
}
#endif

// Bodies keep their colour even in the shade: it says who chose the action. A dark rim sets them off.
vec3 body_light(Body seen) {
    PlaneFrame frame = plane_frame(p3d_ModelViewMatrix);
    vec3 to_eye = -ray_through(position);
    vec3 light = lit(vec3(1.0), seen.normal, to_eye, frame, 0.0);
    vec3 highlight = lit(vec3(0.0), seen.normal, to_eye, frame, 0.5);
    float rim = mix(0.3, 1.0, smoothstep(-0.05, 0.45, dot(seen.normal, to_eye)));
    return (body_color * (0.56 + 0.56 * light) + highlight) * rim;
}

float depth_at(vec3 point) {
    float z = p3d_ProjectionMatrix[2][2] * point.z + p3d_ProjectionMatrix[3][2];
    float w = p3d_ProjectionMatrix[2][3] * point.z + p3d_ProjectionMatrix[3][3];
    return 0.5 * z / w + 0.5;
}

void main() {
    Body seen = trace_body();       // before any branch: it takes derivatives
    float from_middle = length(offset);
    float width = fwidth(from_middle);
    if (body.w > 0.0) {
        if (seen.coverage == 0.0) discard;
        fragment_color = vec4(body_light(seen), seen.coverage);
        gl_FragDepth = depth_at(seen.point);
    } else if (body.w < 0.0) {
        float coverage = clamp((1.0 - from_middle) / max(width, 1e-9) + 0.5, 0.0, 1.0);
        if (coverage == 0.0) discard;
        vec3 normal = vec3(offset, sqrt(max(1.0 - from_middle * from_middle, 0.0)));    // of a sphere
        fragment_color = vec4(body_light(Body(position, normal, coverage)), coverage);
        gl_FragDepth = gl_FragCoord.z;
    } else {
        float inside = max(1.0 - dot(offset, offset), 0.0);
        if (inside < 0.08) discard;
        fragment_color = vec4(0.0, 0.0, 0.0, 0.6 * inside * inside);
        gl_FragDepth = gl_FragCoord.z;
    }
}
