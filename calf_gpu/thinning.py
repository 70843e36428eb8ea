"""Which points of trails are drawn: all, or so many that a crowd of trails can still be drawn in time."""

from __future__ import annotations

from dataclasses import dataclass

POINT_BUDGET = {"ribbon": 8_000, "line": 50_000}
"""Points of all trails together that the automatic decimation aims at: 3 and 40 ms on two slow CPU cores."""

COARSEST = 20
"""Steps between points that the automatic decimation does not exceed: curves should stay curves."""

COARSENING = 2
"""Factor by which points lie wider apart in the older part of trails that are too many even so."""

FINE_SHARE = 0.4
"""Share of such a trail, from the head, that is not thinned once more."""


@dataclass(frozen=True)
class Thinning:
    """Which steps of a trail are drawn besides the head; GLSL twin: ``shaders/include/trail_records.glsl``.

    Attributes
    ----------
    stride
        Points lie on the steps that are multiples of it, 1 draws all.
    coarsening
        In the older part, on multiples of ``stride * coarsening``.
    fine
        Coarse strides that the newer part spans, the one that the head is in not counted.
    """

    stride: int
    coarsening: int = 1
    fine: int = 0

    @property
    def coarse_stride(self) -> int:
        """Steps between points of the older part."""
        return self.stride * self.coarsening

    def points(self, length: int) -> int:
        """Return the most points of a trail that reaches back ``length`` steps, the head included."""
        return length // self.coarse_stride + (self.coarsening - 1) * (self.fine + 1) + 1

    def since_coarse(self, step: int) -> int:
        """Return the steps from ``step`` back to the newest coarse multiple before it."""
        return (step - 1) % self.coarse_stride + 1


def automatic_thinning(style: str, agents: int, length: int) -> Thinning:
    """Return the least thinning that keeps to :data:`POINT_BUDGET`; at most :data:`COARSEST`, and so much with age."""
    stride = min(-(-agents * length // POINT_BUDGET[style]), COARSEST, length)
    coarse_strides = length // (stride * COARSENING)
    if agents * length <= POINT_BUDGET[style] * stride or coarse_strides < 2:
        return Thinning(stride)
    return Thinning(stride, COARSENING, round(FINE_SHARE * coarse_strides))
