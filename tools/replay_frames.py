"""Show recorded frame states with some options and capture the pictures: one side of ``compare_frames.py --run``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from calf_gpu.app.config.visualization_config import VisualizationConfig  # noqa: E402
from calf_gpu.app.systems import SYSTEMS, System  # noqa: E402
from calf_gpu.app.training.frame_state import FrameState, Policy  # noqa: E402
from calf_gpu.app.training.recording import load_recording  # noqa: E402

from tools.frame_runs import read_options  # noqa: E402


class Recording:
    """Recorded frame states as a source: one a frame, the last one again when they are used up."""

    def __init__(self, system: System, states: Sequence[FrameState]) -> None:
        self.system = system
        self.critic_queries: Mapping[str, int] = {}
        self.critic_rows: Mapping[str, int] = {}
        self.training_steps = 0
        self._states = states
        self._shown = -1

    def next_frame(self) -> FrameState:
        """Return the next frame state."""
        self._shown = min(self._shown + 1, len(self._states) - 1)
        return self._states[self._shown]

    def set_paused(self, paused: bool) -> None:
        """Do nothing: a recording is not simulated."""

    def set_agent_count(self, count: int) -> None:
        """Do nothing: the agents are those that were recorded."""

    def set_swarm_policy(self, policy: Policy) -> None:
        """Do nothing: the actions are those that were recorded."""

    def close(self) -> None:
        """Release nothing."""


def show(states: Sequence[FrameState], config: VisualizationConfig) -> None:
    """Draw all states as the program would, capturing what the options say."""
    from calf_gpu.app.visuals.window import Window

    window = Window(config.size, offscreen=True, core_profile=config.gl_profile == "core", vsync=False)
    from calf_gpu.app.session import Session

    class Replay(Session):
        def _make_source(self) -> Recording:  # type: ignore[override]
            return Recording(SYSTEMS[config.system], states)

    with tempfile.TemporaryDirectory(prefix="calf-replay-") as folder:
        Replay(config, Path(folder), window).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Show and capture; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--options", default="", help="options of the program, in one string")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args(arguments)
    states = load_recording(options.recording)
    config = dataclasses.replace(
        read_options(options.options, options.seed),
        frames=len(states),
        capture=options.folder,
        capture_every=options.every,
        profile=None,
        hot_reload=False,
    )
    show(states, config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
