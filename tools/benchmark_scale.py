"""Measure how drawing and simulation grow with the number of agents, from 20 to 100,000.

Each measurement runs in a process of its own. ``draw`` shows a swarm under the nominal policy with full trails at
1280x720, HUD included, while nothing trains; ``simulate`` steps the swarm under CALF without drawing, with actor and
critic; ``start`` starts the program as a user would, training in a process of its own, and waits for its first
picture of a state. Rounds alternate through all numbers of agents, so that other load falls on all of them. Written
are a JSON file and a chart of the medians with logarithmic axes.

Examples
--------
::

    python tools/benchmark.py --scale                # three rounds, some minutes
    python tools/benchmark.py --scale --quick        # one round, up to 1,000 agents
    python tools/benchmark.py --scale --agents 10000 --rounds 5 --threads 2
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any, Literal, get_args

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import psutil  # noqa: E402

from calf_gpu.app.config.visualization_config import VisualizationConfig  # noqa: E402
from calf_gpu.app.utils.machine import describe_machine, resident_megabytes  # noqa: E402

if TYPE_CHECKING:
    from calf_gpu.app.stream.frame import Frame
    from calf_gpu.app.stream.header import Header
    from calf_gpu.app.systems import System

SystemName = Literal["point_mass", "differential_drive"]

PARTS = ("draw", "simulate", "start")
AGENTS = (20, 100, 1_000, 10_000, 100_000)
QUICK_AGENTS = (20, 1_000)
TRAIL_LENGTH = 600
SIZE = (1280, 720)
MEASURED_S = 8.0
"""Seconds that a measurement goes on, warm-up not counted."""
LONGEST_START_S = 60.0
"""After this the program has not started."""
LEAST, MOST = 5, 200
"""Bounds on the frames or steps of a measurement."""
OUTPUT = ROOT / "ursina" / "llm" / "stage_4" / "measurements" / "scale.json"


def nominal_frames(system: System, header: Header) -> Iterator[Frame]:
    """Yield frames of a swarm under the nominal policy, on a made-up critic, for ever."""
    from calf_gpu.app.stream.frame import Frame, Grid, Step

    agents = header.agents - 1

    rng = np.random.default_rng(0)
    states, steps = system.sample_start(agents + 1, rng), rng.integers(0, 500, agents + 1)
    modes = rng.integers(0, 3, agents + 1).astype(np.uint8)
    x, y = np.meshgrid(*[np.linspace(-3.5, 3.5, 21)] * 2)
    q = -(1 + 2 * x**2 + 1.5 * y**2 + x * y + 3 * np.sin(1.5 * x) * np.cos(1.2 * y)).astype(np.float32)
    step = 0
    while True:
        states, _, terminated, truncated = system.transition(states, system.nominal_action(states), steps)
        ended = terminated | truncated
        states[ended] = system.sample_start(int(ended.sum()), rng)
        steps = np.where(ended, 0, steps + 1)
        modes = np.where(rng.random(agents + 1) < 0.02, rng.integers(0, 3, agents + 1), modes).astype(
            np.uint8
        )
        numbers = np.full(len(header.numbers), float(step))  # so that the HUD has something to write
        numbers[header.index("controller")] = 0.0
        numbers[header.index("episode")] = 0.0
        yield Frame(step, Step(states.astype(np.float32), modes, ended), numbers, Grid(0, q))
        step += 1


def measure_drawing(agents: int, length: int, system_name: SystemName) -> dict[str, Any]:
    """Fill the trails, then draw frames; return frame times, Python times and bytes a frame."""
    from calf_gpu.app.systems import SYSTEMS
    from calf_gpu.app.training.description import describe
    from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
    from calf_gpu.app.visuals.camera_controls import FlyCamera
    from calf_gpu.app.visuals.hud import Hud
    from calf_gpu.app.visuals.visualizer import TrainingVisualizer
    from calf_gpu.app.visuals.window import Window
    from calf_gpu.counters import FrameCounters

    window = Window(SIZE, offscreen=True, vsync=False)
    camera = FlyCamera(window)
    config = VisualizationConfig.of(system=system_name, n_agents=agents, trail_length=length, heights="gpu")
    header = describe(config, None)
    shown = TrainingVisualizer(config, header, PerformanceProfiler(warmup=0), Hud(window.size), header.agents)
    frames = nominal_frames(SYSTEMS[system_name], header)
    for _ in range(length):
        shown.show(next(frames))
    camera.update(0.01)
    counters = FrameCounters(window.app.win)
    figures: dict[str, list[float]] = {"frame_ms": [], "cpu_ms": [], "python_ms": [], "upload_bytes": []}
    for _ in range(3):  # buffers that are new in a frame are filled in the next
        shown.show(next(frames))
        window.draw()

    def frame() -> None:
        state = next(frames)
        start, cpu = perf_counter(), process_time()
        shown.show(state)
        figures["python_ms"].append(1e3 * (process_time() - cpu))
        window.draw()
        figures["frame_ms"].append(1e3 * (perf_counter() - start))
        figures["cpu_ms"].append(1e3 * (process_time() - cpu))
        figures["upload_bytes"].append(float(counters.upload_bytes))

    _repeat(frame)
    return {
        **{name: float(np.median(values)) for name, values in figures.items()},
        "frame_ms_p95": float(np.percentile(figures["frame_ms"], 95)),
        "frames": len(figures["frame_ms"]),
        "rss_mb": resident_megabytes(),
        "gl_renderer": window.app.win.get_gsg().get_driver_renderer(),
    }


def measure_simulation(agents: int, threads: int, system_name: SystemName) -> dict[str, Any]:
    """Step the swarm under CALF; return times and rate, without training steps in between."""
    import torch

    from calf_gpu.app.training.publication import Publication

    publication = Publication(VisualizationConfig.of(system=system_name, n_agents=agents))
    torch.set_num_threads(threads)
    times: list[float] = []

    def step() -> None:
        start = perf_counter()
        publication.swarm_step()
        times.append(1e3 * (perf_counter() - start))

    for _ in range(3):
        publication.swarm_step()
    _repeat(step)
    middle = float(np.median(times))
    return {
        "step_ms": middle,
        "step_ms_p95": float(np.percentile(times, 95)),
        "steps_per_second": 1e3 / middle,
        "rss_mb": resident_megabytes(),
    }


def measure_start(agents: int, system_name: SystemName) -> dict[str, Any]:
    """Start the program and return the seconds until its first captured picture of a frame state is there."""
    with tempfile.TemporaryDirectory(prefix="calf-start-") as folder:
        picture = Path(folder) / "capture" / "frame_000001.png"
        command = [sys.executable, str(ROOT / "ursina" / "main.py"), "--offscreen", "--gpu-heights"]
        command += [
            "--training",
            "process",
            "--frames",
            "1",
            "--n-agents",
            str(agents),
            "--system",
            system_name,
        ]
        command += ["--capture", str(picture.parent), "--run-dir", str(Path(folder) / "run")]
        start = perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=ROOT) as program:
            while not picture.exists() and program.poll() is None:
                sleep(0.01)
            seconds = perf_counter() - start
    if program.returncode != 0 or seconds > LONGEST_START_S:
        raise RuntimeError(f"the program ended with exit code {program.returncode} after {seconds:.1f} s")
    return {"start_s": seconds}


def trail_length(agents: int) -> int:
    """Return :data:`TRAIL_LENGTH`, or what half of the free memory has room for: the ring and its mirror."""
    return max(2, min(TRAIL_LENGTH, psutil.virtual_memory().available // 2 // (32 * (agents + 1)) - 1))


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all numbers of agents in alternating rounds and return the content of the file."""
    runs: list[dict[str, Any]] = []
    for number in range(options.rounds):
        for agents in options.agents if number % 2 == 0 else options.agents[::-1]:
            for part in PARTS:
                result = _measure_apart(part, agents, options)
                runs.append({"part": part, "agents": agents, "round": number, **result})
                time = result.get("frame_ms", result.get("step_ms", 1e3 * result.get("start_s", 0.0)))
                print(
                    f"round {number + 1}: {part:8} {agents:7} agents {time:9.2f} ms",
                    file=sys.stderr,
                    flush=True,
                )
    return {
        "scale": 1,
        "machine": describe_machine(),
        "options": {name: getattr(options, name) for name in ("agents", "rounds", "threads", "system")},
        "runs": runs,
        "summary": summarize(runs),
    }


def summarize(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the medians over the rounds by part, number of agents and figure."""
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for run in runs:
        cell = summary.setdefault(run["part"], {}).setdefault(str(run["agents"]), {})
        same = [other for other in runs if (other["part"], other["agents"]) == (run["part"], run["agents"])]
        for name, value in run.items():
            if isinstance(value, int | float) and name not in ("agents", "round"):
                cell[name] = float(np.median([other[name] for other in same]))
    return summary


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, or one measurement of it; return the exit code."""
    options = _parse(arguments)
    if options.measure == "draw":
        print(json.dumps(measure_drawing(options.agents[0], trail_length(options.agents[0]), options.system)))
        return 0
    if options.measure == "simulate":
        print(json.dumps(measure_simulation(options.agents[0], options.threads, options.system)))
        return 0
    from tools.report_charts import draw_growth

    if options.measure == "start":
        print(json.dumps(measure_start(options.agents[0], options.system)))
        return 0
    try:
        content = run_all(options)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    chart = options.out.with_suffix(".png")
    draw_growth(content["summary"], chart)
    _print_table(content["summary"])
    print(f"wrote {options.out}\nwrote {chart}")
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, nargs="+", help="numbers of agents")
    parser.add_argument("--rounds", type=int, help="rounds through all of them")
    parser.add_argument("--threads", type=int, default=1, help="torch threads of the simulation")
    parser.add_argument(
        "--system", choices=get_args(SystemName), default="point_mass", help="system that is shown"
    )
    parser.add_argument("--out", type=Path, default=OUTPUT, help="JSON file; the chart lies beside it")
    parser.add_argument("--quick", action="store_true", help="one round with few agents")
    parser.add_argument("--measure", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.agents = options.agents or list(QUICK_AGENTS if options.quick else AGENTS)
    options.rounds = options.rounds or (1 if options.quick else 3)
    if min(options.agents) < 1 or options.rounds < 1 or options.threads < 1:
        parser.error("--agents, --rounds and --threads accept integers from 1")
    return options


def _measure_apart(part: str, agents: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run one measurement in a process of its own; raises RuntimeError with its last line if it fails."""
    command = [sys.executable, str(Path(__file__)), "--measure", part, "--agents", str(agents)]
    command += ["--threads", str(options.threads), "--system", options.system]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"{part} with {agents} agents: exit code {done.returncode}: {last}")
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def _repeat(action: Callable[[], None]) -> None:
    """Do something :data:`LEAST` to :data:`MOST` times, for about :data:`MEASURED_S`."""
    end = perf_counter() + MEASURED_S
    for number in range(MOST):
        if number >= LEAST and perf_counter() > end:
            return
        action()


def _print_table(summary: dict[str, dict[str, dict[str, float]]]) -> None:
    for part, cells in summary.items():
        for agents, cell in cells.items():
            figures = "  ".join(f"{name} {value:.4g}" for name, value in cell.items())
            print(f"{part:8} {agents:>7}  {figures}")


if __name__ == "__main__":
    sys.exit(main())
