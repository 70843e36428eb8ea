// Light that shows shape and leaves the lookup table's colours readable: a sky from above, one key light that is
// fixed to the plane (so that turning the camera does not change the picture's shading), a soft highlight.

#include "include/frame.glsl"

const vec3 KEY_LIGHT = vec3(-0.60, -0.12, 0.79);     // plane axes, towards the light
const vec3 KEY_COLOR = vec3(1.00, 0.97, 0.92);
const vec3 SKY_COLOR = vec3(0.86, 0.92, 1.00);
const vec3 GROUND_COLOR = vec3(0.42, 0.40, 0.46);

// normal, to_eye: unit vectors in view space; the side of the surface turned to the eye is lit.
vec3 lit(vec3 albedo, vec3 normal, vec3 to_eye, PlaneFrame frame, float gloss) {
    vec3 key = normalize(KEY_LIGHT.x * frame.right + KEY_LIGHT.y * frame.forward + KEY_LIGHT.z * frame.up);
    vec3 n = faceforward(normal, -to_eye, normal);
    vec3 sky = mix(GROUND_COLOR, SKY_COLOR, 0.5 + 0.5 * dot(n, frame.up));
    float diffuse = max(dot(n, key), 0.0);
    float facing = clamp(dot(n, to_eye), 0.0, 1.0);
    float highlight = pow(max(dot(n, normalize(key + to_eye)), 0.0), 36.0);
    float rim = (1.0 - facing) * (1.0 - facing) * (1.0 - facing);
    return albedo * (0.46 * sky + 0.66 * diffuse * KEY_COLOR) + gloss * (highlight + 0.35 * rim) * SKY_COLOR;
}
