#version 330
// Trails: bands in the mode's colour with a dark casing, so that they can be read on any surface, and soft edges.

#include "include/palette.glsl"

out vec4 fragment;

#ifdef LINE

flat in vec4 color;

void main() {
    fragment = color;
}

#else

flat in vec3 color;
flat in float visible;
noperspective in float across;      // pixels from the middle line
noperspective in float half_width;
noperspective in float fresh;       // 1 at the head, 0 at the oldest end

uniform float ribbon_casing;        // pixels

const float CASING_OPACITY = 0.6;

void main() {
    float distance = abs(across);
    float band = clamp(half_width + 0.5 - distance, 0.0, 1.0);
    float casing = clamp(half_width + ribbon_casing + 0.5 - distance, 0.0, 1.0) * CASING_OPACITY;
    float opacity = band + (1.0 - band) * casing;
    fragment = vec4(mix(BACKGROUND, color, band / max(opacity, 1e-3)), opacity * visible * smoothstep(0.0, 0.6, fresh));
}

#endif
