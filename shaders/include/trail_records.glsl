// The ring of trail records and the points of a trail, newest first: point 0 is the head, the others lie on the
// absolute steps that are multiples of the stride, so that points stay where they are while the head moves on.

uniform int trail_rows;         // agents
uniform int trail_slots;        // steps in the ring
uniform int trail_points;       // points drawn of each trail
uniform int trail_stride;       // steps between them
uniform ivec2 trail_head;       // slot of the newest step, steps from it back to the newest multiple before it

#ifdef RECORDS_IN_2D
uniform sampler2D trail_records;
#else
uniform samplerBuffer trail_records;
#endif

// Steps between the head and a point.
int point_age(int point) {
    return point == 0 ? 0 : trail_head.y + (point - 1) * trail_stride;
}

// Steps between a point and the next older one.
int steps_before(int point) {
    return point == 0 ? trail_head.y : trail_stride;
}

// {a0, a1, steps since the episode's start, code} of an agent so many steps before the head.
vec4 trail_record(int agent, int age) {
    int slot = trail_head.x - age;
    slot += slot < 0 ? trail_slots : 0;
#ifdef RECORDS_IN_2D
    return texelFetch(trail_records, ivec2(agent, slot), 0);
#else
    return texelFetch(trail_records, slot * trail_rows + agent);
#endif
}

// Whether the agent's episode goes back as far as the next older point. Empty slots and respawns fail this.
bool joins_older(vec4 record, int point) {
    return record.z >= float(steps_before(point));
}
