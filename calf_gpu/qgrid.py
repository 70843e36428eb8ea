"""The critic's grid as a float texture, shared by everything that stands on the surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from panda3d.core import LVecBase2f, NodePath, PTA_LVecBase2f, SamplerState, Texture

from calf_gpu.heights import Extent, marked


class QGrid:
    """A (G, G) grid of critic values on the GPU, its extent and the range that maps to heights.

    Range and extent are uniforms: only new critic values are uploaded, and only when their version changed.

    Parameters
    ----------
    extent
        (x0, x1, y0, y1) borders of the plane; nodes of the grid lie on them.
    grid_size
        G of the first texture; :meth:`set` accepts any other later.

    Attributes
    ----------
    texture
        R32F texture, row = second axis, column = first axis.
    uploaded_bytes
        Bytes handed to the GPU so far.
    """

    def __init__(self, extent: Extent, grid_size: int = 2) -> None:
        x0, x1, y0, y1 = map(float, extent)
        if not (x1 > x0 and y1 > y0):
            raise ValueError(f"extent must be (x0, x1, y0, y1) with x0 < x1 and y0 < y1, got {extent}")
        self.extent: Extent = (x0, x1, y0, y1)
        self.uploaded_bytes = 0
        self.values: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.texture = Texture("q_grid")
        self._version: int | None = None
        self._range = PTA_LVecBase2f.empty_array(1)
        self.set_range(0.0, 1.0)
        self._upload(np.zeros((grid_size, grid_size), np.float32))

    @property
    def grid_size(self) -> int:
        """Number of nodes along an axis."""
        return int(self.values.shape[0])

    @property
    def range(self) -> tuple[float, float]:
        """(lo, hi) of q² that maps to heights 0 and 1."""
        return float(self._range[0][0]), float(self._range[0][1])

    def set(self, q: NDArray[np.float32], version: int) -> bool:
        """Show new critic values; nothing is uploaded if `version` is the one shown.

        Parameters
        ----------
        q
            (G, G) critic values, G ≥ 2; copied, with a mark in place of NaN and other bad values
            (:func:`~calf_gpu.heights.marked`).
        version
            Number that changes whenever the values do.

        Returns
        -------
        Whether the texture was written.
        """
        if version == self._version:
            return False
        self._upload(np.asarray(q))
        self._version = version
        return True

    def set_range(self, lo: float, hi: float) -> None:
        """Set the range of q² that maps to heights [0, 1]; a uniform, nothing is uploaded."""
        self._range[0] = LVecBase2f(lo, hi)

    def bind(self, node: NodePath) -> None:
        """Give a node's shader the inputs ``q_grid``, ``grid_extent`` and ``q2_range``."""
        node.set_shader_inputs(q_grid=self.texture, grid_extent=self.extent, q2_range=self._range)

    def _upload(self, q: NDArray[np.floating]) -> None:
        if q.ndim != 2 or q.shape[0] != q.shape[1] or q.shape[0] < 2:
            raise ValueError(f"Q-grid must be a square array of at least 2 x 2, got shape {q.shape}")
        if q.shape != self.values.shape:
            self._set_up(q.shape[0])
        self.values[:] = marked(q)
        np.frombuffer(self.texture.modify_ram_image(), np.float32)[:] = self.values.reshape(-1)
        self.uploaded_bytes += self.values.nbytes

    def _set_up(self, size: int) -> None:
        self.values = np.empty((size, size), np.float32)
        self.texture.setup_2d_texture(size, size, Texture.T_float, Texture.F_r32)
        # Interpolation is done by hand in the shader; the sampler must not touch the values.
        self.texture.set_minfilter(SamplerState.FT_nearest)
        self.texture.set_magfilter(SamplerState.FT_nearest)
        self.texture.set_wrap_u(SamplerState.WM_clamp)
        self.texture.set_wrap_v(SamplerState.WM_clamp)
        self.texture.set_compression(Texture.CM_off)
