"""Numbers of a frame as rows of label and text, as the header declares them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from calf_gpu.app.stream.header import Number

Rows = list[tuple[str, str]]
"""Label and text of each line of a block."""

NONE = "–"
"""Shown for a number that does not exist yet."""


def rows(numbers: Sequence[Number], values: Sequence[float]) -> Rows:
    """Return the lines of numbers that have something to say."""
    return [
        (number.label, text(number, value))
        for number, value in zip(numbers, values, strict=True)
        if value or number.zero
    ]


def text(number: Number, value: float) -> str:
    """Return one value as its number wants to be read."""
    if not isfinite(value):
        return NONE
    if number.format == "choice":
        return number.choices[int(value)] if 0 <= value < len(number.choices) else NONE
    if number.format == "percent":
        return percent(value)
    shown = minus(f"{value:,.0f}") if number.format == "count" else decimal(value, number.digits)
    return f"{shown} {number.unit}" if number.unit else shown


def decimal(value: float, digits: int) -> str:
    """Return a number with a true minus sign and so many decimals, fewer where it is large."""
    if not isfinite(value):
        return NONE
    if abs(value) >= 1e7:
        return minus(f"{value:.3e}")
    if abs(value) >= 1e4:
        digits = min(digits, 1)
    return minus(f"{value:,.{digits}f}")


def percent(fraction: float) -> str:
    """Return a fraction as a percentage."""
    return f"{100.0 * fraction:.1f} %" if isfinite(fraction) else NONE


def minus(number: str) -> str:
    """Return a number's text with a true minus sign, and none before zero."""
    signed = number.replace("-", "−")
    return signed[1:] if signed.startswith("−") and not signed.strip("−0.,") else signed
