"""Panda3D's memory as NumPy arrays, without a copy: what is written into them is what Panda3D uploads."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from panda3d.core import GeomVertexData, Texture


def texture_floats(texture: Texture) -> NDArray[np.float32]:
    """Return the image of a float32 texture, flat; Panda3D uploads it before it next draws with the texture."""
    return _floats(texture.modify_ram_image())


def vertex_floats(data: GeomVertexData) -> NDArray[np.float32]:
    """Return the first array of vertices that have float32 columns alone, flat; Panda3D uploads it as above."""
    return _floats(data.modify_array(0))


def _floats(memory: object) -> NDArray[np.float32]:
    # Both are buffers, of which Panda3D's type stubs say nothing.
    return np.frombuffer(cast("bytearray", memory), np.float32)
