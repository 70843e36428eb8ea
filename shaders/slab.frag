#version 330
// Copies records from the buffer texture that was uploaded to the slots they belong to.

uniform samplerBuffer slab; // RGBA32F
uniform ivec4 slab_span;    // first slot, number of slots, slots of the texture, records in a slot

out vec4 record;

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);    // row, slot
    record = texelFetch(slab, (cell.y - slab_span.x) * slab_span.w + cell.x);
}
