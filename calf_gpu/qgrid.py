"""The critic's grid as a float texture, shared by everything that stands on the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from panda3d.core import LVecBase2f, NodePath, PTA_LVecBase2f, SamplerState, Texture

from calf_gpu.heights import Extent, marked
from calf_gpu.memory import texture_floats


class QGrid:
    """A grid of critic values on the GPU, its extent and the range that maps to heights.

    Range and extent are uniforms: only new critic values are uploaded, and only when their version changed.

    Parameters
    ----------
    extent
        (x0, x1, y0, y1) borders of the plane; nodes of the grid lie on them.

    Attributes
    ----------
    texture
        R32F texture, row = second axis, column = first axis.
    values
        (rows, columns) float32, what is shown: the texture's own image, there is no second copy. Zeros at first;
        :data:`~calf_gpu.heights.BAD_Q` where the critic has no usable value. Only :meth:`set` writes it.
    uploaded_bytes
        Bytes handed to the GPU so far.
    """

    def __init__(self, extent: Extent) -> None:
        x0, x1, y0, y1 = map(float, extent)
        if not (x1 > x0 and y1 > y0):
            raise ValueError(f"extent must be (x0, x1, y0, y1) with x0 < x1 and y0 < y1, got {extent}")
        self.extent: Extent = (x0, x1, y0, y1)
        self.uploaded_bytes = 0
        self.texture = Texture("q_grid")
        self.values = self._allocate(2, 2)
        self._version: int | None = None
        self._range = PTA_LVecBase2f.empty_array(1)
        self.set_range(0.0, 1.0)

    @property
    def range(self) -> tuple[float, float]:
        """(lo, hi) of q² that maps to heights 0 and 1, in the uniform's precision."""
        lo, hi = self._range[0]
        return float(lo), float(hi)

    def set(self, q: ArrayLike, version: int) -> bool:
        """Show new critic values; nothing is uploaded if `version` is the one shown.

        Parameters
        ----------
        q
            (rows, columns) critic values, at least 2 × 2; copied, with a mark in place of NaN and other bad values
            (:func:`~calf_gpu.heights.marked`).
        version
            Number that changes whenever the values do.

        Returns
        -------
        Whether the texture was written.

        Raises
        ------
        ValueError
            Another shape.
        """
        if version == self._version:
            return False
        q = np.asarray(q)
        if q.ndim != 2 or min(q.shape) < 2:
            raise ValueError(f"Q-grid must be a two-dimensional array of at least 2 x 2, got shape {q.shape}")
        if q.shape != self.values.shape:
            self.values = self._allocate(*q.shape)
        self.values[:] = marked(q)
        self.texture.modify_ram_image()  # has it uploaded
        self.uploaded_bytes += self.values.nbytes
        self._version = version
        return True

    def set_range(self, lo: float, hi: float) -> bool:
        """Set the range of q² that maps to heights [0, 1], a uniform; return whether it changed."""
        new = LVecBase2f(lo, hi)
        if new == self._range[0]:
            return False
        self._range[0] = new
        return True

    def bind(self, node: NodePath) -> None:
        """Give a node's shader the inputs ``q_grid``, ``grid_extent`` and ``q2_range``."""
        node.set_shader_inputs(q_grid=self.texture, grid_extent=self.extent, q2_range=self._range)

    def _allocate(self, rows: int, columns: int) -> NDArray[np.float32]:
        """Set the texture up for a size and return its image, zero, as an array."""
        self.texture.setup_2d_texture(columns, rows, Texture.T_float, Texture.F_r32)
        # Interpolation is done by hand in the shader; the sampler must not touch the values.
        self.texture.set_minfilter(SamplerState.FT_nearest)
        self.texture.set_magfilter(SamplerState.FT_nearest)
        self.texture.set_wrap_u(SamplerState.WM_clamp)
        self.texture.set_wrap_v(SamplerState.WM_clamp)
        self.texture.set_compression(Texture.CM_off)
        values = texture_floats(self.texture).reshape(rows, columns)
        values[:] = 0.0
        return values
