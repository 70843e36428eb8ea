// The ring of trail records and the points of a trail, newest first: point 0 is the head, the others lie on the
// absolute steps that are multiples of the stride, so that points stay where they are while the head moves on. In a
// crowd the older part has only the multiples of a coarser stride.

uniform int trail_rows;         // agents
uniform int trail_slots;        // steps in the ring
uniform int trail_points;       // points drawn of each trail
uniform ivec3 trail_thinning;   // stride; coarse stride as a multiple of it; coarse strides that the fine part spans
uniform ivec2 trail_head;       // slot of the newest step, steps from it back to the newest coarse multiple before it
uniform samplerBuffer trail_records;

// Steps between the head and the next point.
int first_steps() {
    return (trail_head.y - 1) % trail_thinning.x + 1;
}

// Points after the head on multiples of the fine stride; the last of them is on a multiple of the coarse one too.
int fine_points() {
    return trail_thinning.y * trail_thinning.z + 1 + (trail_head.y - 1) / trail_thinning.x;
}

// Steps between the head and a point.
int point_age(int point) {
    int fine = fine_points();
    int coarse_stride = trail_thinning.x * trail_thinning.y;
    int age = first_steps() + (min(point, fine) - 1) * trail_thinning.x + max(point - fine, 0) * coarse_stride;
    return point == 0 ? 0 : age;
}

// {a0, a1, steps since the episode's start, code} of an agent so many steps before the head; an empty record for
// steps that the ring no longer has.
vec4 trail_record(int agent, int age) {
    if (age >= trail_slots) return vec4(0.0, 0.0, -1.0, 0.0);
    int slot = trail_head.x - age;
    slot += slot < 0 ? trail_slots : 0;
    return texelFetch(trail_records, slot * trail_rows + agent);
}

// Whether the agent's episode goes back as far as the next older point. Empty slots and respawns fail this.
bool joins_older(vec4 record, int point) {
    int older = point_age(point + 1);
    return older < trail_slots && record.z >= float(older - point_age(point));
}
