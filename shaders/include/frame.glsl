// The plane's axes in view space, taken out of the model-view matrix, so that sizes computed from them follow
// zoom but are never squashed by the height scale.

struct PlaneFrame {
    vec3 right;     // unit vectors of the first axis, the second axis and up
    vec3 forward;
    vec3 up;
    vec3 scale;     // length of one plane unit along each
};

PlaneFrame plane_frame(mat4 model_view) {
    vec3 scale = vec3(length(model_view[0].xyz), length(model_view[1].xyz), length(model_view[2].xyz));
    return PlaneFrame(model_view[0].xyz / scale.x, model_view[1].xyz / scale.y, model_view[2].xyz / scale.z, scale);
}

// Unit normal, in view space, of the surface whose heights in [0, 1] have this slope.
vec3 surface_normal(PlaneFrame frame, vec2 slope) {
    vec2 steepness = slope * frame.scale.z / frame.scale.xy;
    return normalize(frame.up - steepness.x * frame.right - steepness.y * frame.forward);
}
