// Anti-aliased lines of constant pixel width, drawn where a quantity passes a whole number.

// Change per pixel of a quantity, from its screen-space derivatives.
float change(float dx, float dy) {
    return sqrt(dx * dx + dy * dy);
}

// Distance to the nearest whole number.
float to_nearest(float x) {
    return abs(x - round(x));
}

// 1 where lines, `density` of them to a pixel, can be told apart; 0 before they alias, and 0 where the quantity
// hardly changes, so that its level set is an area rather than a line.
float lines_apart(float density) {
    return clamp(min(1.6 - 4.0 * density, 700.0 * density), 0.0, 1.0);
}
