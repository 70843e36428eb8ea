// Where a ray meets a cone: base of radius 1 around the origin, nose at `axis`.
// After Inigo Quilez, "capped cone - intersection", https://iquilezles.org/articles/intersectors/, nose radius 0.

struct Hit {
    bool hit;
    float distance;
    vec3 normal;
};

Hit trace_cone(vec3 origin, vec3 ray, vec3 axis) {
    float length2 = dot(axis, axis);
    float start = dot(origin, axis);
    float speed = dot(ray, axis);
    vec3 at_base = origin * speed - ray * start;
    if (start < 0.0 && dot(at_base, at_base) < speed * speed) {
        return Hit(true, -start / speed, -axis * inversesqrt(length2));
    }
    float slant2 = length2 + 1.0;
    float k2 = length2 * length2 - speed * speed * slant2;
    float k1 = length2 * length2 * dot(ray, origin) - start * speed * slant2 + length2 * speed;
    float k0 = length2 * length2 * dot(origin, origin) - start * start * slant2 + length2 * (2.0 * start - length2);
    float discriminant = k1 * k1 - k2 * k0;
    float distance = (-k1 - sqrt(max(discriminant, 0.0))) / k2;
    float along = start + distance * speed;
    vec3 normal = normalize(length2 * (length2 * (origin + distance * ray) + axis) - axis * slant2 * along);
    return Hit(discriminant > 0.0 && along > 0.0 && along < length2, distance, normal);
}
