"""Show recorded frames with some options and capture the pictures: one side of ``compare_frames.py --run``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.stream.codec import Message
from calf_gpu.app.stream.frame import Frame
from tools.frame_recording import RecordedSource, load_recording
from tools.frame_runs import read_options


def show(messages: Sequence[Message], config: VisualizationConfig) -> None:
    """Draw all frames as the program would, capturing what the options say."""
    from calf_gpu.app.visuals.window import Window

    core = config.view.gl_profile == "core"
    window = Window(config.view.size, offscreen=True, core_profile=core, vsync=False)
    from calf_gpu.app.visuals.viewer import Viewer

    with tempfile.TemporaryDirectory(prefix="calf-replay-") as folder:
        Viewer(config, Path(folder), window, lambda profiler: RecordedSource(messages)).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Show and capture; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--options", default="", help="options of the program, in one string")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args(arguments)
    messages = load_recording(options.recording)
    config = read_options(options.options, options.seed).replace(
        frames=sum(isinstance(message, Frame) for message in messages),
        capture=options.folder,
        capture_every=options.every,
        profile=None,
        hot_reload=False,
    )
    show(messages, config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
