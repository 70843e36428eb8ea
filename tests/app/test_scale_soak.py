"""Twenty thousand frames: neither slower nor larger at the end than at the beginning."""

from __future__ import annotations

import json

import pytest

from offscreen import run_script

FRAMES, WINDOW = 20_000, 1_000

SOAK = """
import gc, json, sys
from time import process_time
import numpy as np
from config.visualization_config import VisualizationConfig
from tools.benchmark_scale import nominal_frames
from training.systems import SYSTEMS
from training.visualizer import TrainingVisualizer
from utils.machine import resident_megabytes
from utils.performance_profiler import PerformanceProfiler
from visuals.hud import Hud
from visuals.window import Window

FRAMES, WINDOW = SIZES
window = Window((160, 90), offscreen=True, vsync=False)
config = VisualizationConfig(n_agents=20, trail_length=100, heights="gpu")
system = SYSTEMS[config.system]
shown = TrainingVisualizer(config, system, PerformanceProfiler(warmup=0), Hud(window.size))
seconds, memory = [], []
for frame, state in zip(range(FRAMES + 300), nominal_frames(system, config.n_agents)):
    start = process_time()
    shown.show(state)
    window.step()
    window.draw()
    seconds.append(process_time() - start)
    memory.append(resident_megabytes() if frame % 50 == 0 else memory[-1])
seconds, memory = seconds[300:], memory[300:]  # caches and driver have warmed up
times = [float(np.median(part)) for part in (seconds[:WINDOW], seconds[-WINDOW:])]
sizes = [float(np.median(part)) for part in (memory[:WINDOW], memory[-WINDOW:])]
print(json.dumps({"seconds": times, "megabytes": sizes}))
"""


@pytest.mark.slow
def test_frames_get_neither_slower_nor_memory_larger():
    result = run_script(SOAK.replace("SIZES", str((FRAMES, WINDOW))), timeout=1800)
    assert result.returncode == 0, result.stderr[-3000:]
    measured = json.loads(result.stdout.strip().splitlines()[-1])
    (first, last), (before, after) = measured["seconds"], measured["megabytes"]
    assert last <= 1.05 * first, f"{1e3 * first:.2f} ms a frame at first, {1e3 * last:.2f} ms at last"
    assert after <= 1.02 * before, f"{before:.1f} MB at first, {after:.1f} MB at last"
