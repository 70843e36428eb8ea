"""Round numbers for axes and level sets."""

from __future__ import annotations

import math


def nice_step(step: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is not below ``step`` > 0 (but for rounding)."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
