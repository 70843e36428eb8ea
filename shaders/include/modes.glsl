// Colours by record code: mode + 16 for a highlighted agent. NumPy twin: calf_gpu/palette.py.

#include "include/palette.glsl"

uniform vec3 mode_colors[16];   // by mode; those behind the last one given repeat it

bool is_highlighted(float code) {
    return code > 15.5;
}

vec3 mode_color(float code) {
    return mode_colors[int(code + 0.5) % 16];
}

vec3 code_color(float code) {
    return is_highlighted(code) ? HIGHLIGHT_COLOR : mode_color(code);
}
