"""Two runs compared as a developer does it: heights by NumPy and by the shaders give the same picture."""

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]


def test_heights_by_numpy_and_by_the_gpu_look_the_same(tmp_path):
    report, kept = tmp_path / "report.json", tmp_path / "kept"
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tools" / "compare_frames.py"), "--no-flip"),
            *("--run=--size 480x270", "--run=--size 480x270 --gpu-heights"),
            *("--frames", "30", "--every", "10", "--seed", "3"),
            *("--share", "0.001", "--mean-abs", "0.05", "--json", str(report), "--keep", str(kept)),
        ],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    frames = json.loads(report.read_text(encoding="utf-8"))["frames"]
    assert [frame["name"] for frame in frames] == [f"frame_{number:06}.png" for number in (10, 20, 30)]
    assert sorted(path.name for path in kept.iterdir()) == ["a", "b"]
    colors = Image.open(kept / "a" / "frame_000030.png").convert("RGB").getcolors(maxcolors=1 << 18)
    assert len(colors) > 1000, "something is on the picture"
