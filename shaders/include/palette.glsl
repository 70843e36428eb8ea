// Colours by record code: mode + 4 for the training agent. NumPy twin: calf_gpu/palette.py.

const vec3 MODE_COLORS[3] = vec3[3](
    vec3(56.0, 189.0, 248.0) / 255.0,   // 0 td3: certified
    vec3(163.0, 230.0, 53.0) / 255.0,   // 1 relax: allowed by chance
    vec3(251.0, 79.0, 58.0) / 255.0     // 2 nominal: the stabilizer took over
);
const vec3 HIGHLIGHT_COLOR = vec3(255.0, 214.0, 10.0) / 255.0;
const vec3 BAD_COLOR = vec3(1.0, 0.0, 1.0);    // where the critic has no usable value
const vec3 BACKGROUND = vec3(11.0, 15.0, 23.0) / 255.0;

bool is_highlighted(float code) {
    return code > 3.5;
}

vec3 mode_color(float code) {
    int mode = int(code + 0.5) % 4;
    return MODE_COLORS[min(mode, 2)];
}

vec3 code_color(float code) {
    return is_highlighted(code) ? HIGHLIGHT_COLOR : mode_color(code);
}
