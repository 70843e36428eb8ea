"""Draw a swarm on a live critic landscape with Panda3D, out of GPU buffers.

Arrays go in, three draw calls come out; nothing here knows about reinforcement learning::

    import numpy as np
    from direct.showbase.ShowBase import ShowBase
    from calf_gpu import SwarmView

    base = ShowBase()
    view = SwarmView(base, extent=(-3, 3, -3, 3), n=100, trail_length=300)
    axis = np.linspace(-3, 3, 31)
    view.show_critic(-(axis**2 + axis[:, None] ** 2), version=1)
    points = np.random.default_rng(0).uniform(-2, 2, (100, 2))
    base.cam.set_pos(4, -10, 8), base.cam.look_at(0, 0, 0), base.disable_mouse()
    for _ in range(1000):
        points += 0.01 * np.stack([points[:, 1], -2 * points[:, 0] - points[:, 1]], axis=1)
        view.update(points), base.task_mgr.step()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from calf_gpu.view import SwarmView

__all__ = ["SwarmView"]


def __getattr__(name: str) -> Any:
    """Import Panda3D only when something of the renderer is used."""
    if name == "SwarmView":
        from calf_gpu.view import SwarmView

        return SwarmView
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
