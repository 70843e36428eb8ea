"""Twenty thousand frames: neither slower nor larger at the end than at the beginning."""

from __future__ import annotations

import json

import pytest

from offscreen import ONE_THREAD, run_script

FRAMES, WINDOW = 20_000, 1_000

SOAK = """
import json
from time import process_time
import numpy as np
from calf_gpu.app.config.visualization_config import VisualizationConfig
from offscreen import resident_after_trim
from tools.benchmark_scale import nominal_frames
from calf_gpu.app.systems import SYSTEMS
from calf_gpu.app.training.description import describe
from calf_gpu.app.training.visualizer import TrainingVisualizer
from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from calf_gpu.app.visuals.hud import Hud
from calf_gpu.app.visuals.window import Window

FRAMES, WINDOW = SIZES
window = Window((160, 90), offscreen=True, vsync=False)
config = VisualizationConfig.of(n_agents=20, trail_length=100, heights="HEIGHTS")
system, header = SYSTEMS[config.run.system], describe(config, None)
hud = Hud(window.size)
shown = TrainingVisualizer(config, header, PerformanceProfiler(warmup=0), hud, header.agents)
seconds, memory = [], []
for frame, state in zip(range(FRAMES + 300), nominal_frames(system, header)):
    start = process_time()
    shown.show(state)
    window.step()
    window.draw()
    seconds.append(process_time() - start)
    if frame % 50 == 0:
        memory.append(resident_after_trim())
seconds, memory = seconds[300:], memory[6:]  # caches and driver have warmed up
times = [float(np.median(part)) for part in (seconds[:WINDOW], seconds[-WINDOW:])]
third = len(memory) // 3
parts = memory[:third], memory[-third:]
print(json.dumps({"seconds": times, "lowest": [min(p) for p in parts], "highest": [max(p) for p in parts]}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("heights", ["gpu", "numpy"])
def test_frames_get_neither_slower_nor_memory_larger(heights):
    script = SOAK.replace("SIZES", str((FRAMES, WINDOW))).replace("HEIGHTS", heights)
    result = run_script(script, timeout=1800, variables=ONE_THREAD)
    assert result.returncode == 0, result.stderr[-3000:]
    measured = json.loads(result.stdout.strip().splitlines()[-1])
    first, last = measured["seconds"]
    assert last <= 1.05 * first, f"{1e3 * first:.2f} ms a frame at first, {1e3 * last:.2f} ms at last"
    for name in ("lowest", "highest"):
        before, after = measured[name]
        assert after <= 1.02 * before, (
            f"{name} {before:.1f} MB in the first third, {after:.1f} MB in the last"
        )
