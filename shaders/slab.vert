#version 330
// A rectangle over the rows of the record texture that belong to some slots.

uniform ivec4 slab_span;    // first slot, number of slots, slots of the texture, records in a slot

void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    float slot = float(slab_span.x) + corner.y * float(slab_span.y);
    gl_Position = vec4(2.0 * corner.x - 1.0, 2.0 * slot / float(slab_span.z) - 1.0, 0.0, 1.0);
}
