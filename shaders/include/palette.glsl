// Colours that are the same in every picture. NumPy twin: calf_gpu/palette.py.

const vec3 HIGHLIGHT_COLOR = vec3(255.0, 214.0, 10.0) / 255.0;
const vec3 BAD_COLOR = vec3(1.0, 0.0, 1.0);    // where the critic has no usable value
const vec3 BACKGROUND = vec3(11.0, 15.0, 23.0) / 255.0;
