"""The program as people run it: exit codes, one line for a mistake, pictures, and ends that save."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from offscreen import ROOT

COMMAND = [sys.executable, str(ROOT / "ursina" / "main.py")]
SMALL = ["--offscreen", "--size", "320x180", "--training", "inline", "--n-agents", "3", "--seed", "1"]


def environment() -> dict[str, str]:
    """Return an environment without a display, where the repository's packages are found."""
    kept = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    return {**kept, "PYTHONPATH": str(ROOT)}


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *args],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.parametrize(
    "args",
    [
        ["--n-agents", "0"],
        ["--size", "100000x100000"],
        ["--no-such-option"],
        ["--config", "none.toml"],
        ["--resume"],
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_and_writes_nothing(tmp_path, args):
    done = run(tmp_path, *args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {args[0]}")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "message"), [("--profile", "is a folder"), ("--capture", "is a file")])
def test_a_destination_of_another_kind_is_refused_at_once(tmp_path, option, message):
    target = tmp_path / "there"
    target.mkdir() if option == "--profile" else target.write_text("mine")
    done = run(tmp_path, "--offscreen", option, "there")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {option} accepts") and line.endswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_an_offscreen_run_writes_frames_previews_profile_and_checkpoint_and_can_be_resumed(tmp_path):
    args = [*SMALL, "--gpu-heights", "--run-dir", "run"]
    done = run(
        tmp_path,
        *args,
        "--frames",
        "60",
        "--capture",
        "out",
        "--capture-every",
        "25",
        "--profile",
        "profile.json",
    )
    assert done.returncode == 0, done.stderr
    assert "preview.png" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "frame_000025.png",
        "frame_000050.png",
    ]
    image = np.asarray(Image.open(tmp_path / "out" / "frame_000050.png"))
    assert image.shape == (180, 320, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 200
    profile = json.loads((tmp_path / "profile.json").read_text())
    assert profile["frames"] == 10  # after 50 of warm-up
    assert profile["config"]["n_agents"] == 3
    assert profile["per_frame"]["critic_queries"] > 0
    checkpoints = list((tmp_path / "run").glob("checkpoint-*"))
    assert checkpoints
    done = run(tmp_path, *args, "--frames", "5", "--resume")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "preview.mp4").stat().st_size > 500
    done = run(tmp_path, *args, "--frames", "5")
    assert done.returncode == 1
    assert done.stderr == "error: run_dir run holds a run; resume it or choose another folder\n"


def test_equal_seeds_give_equal_pictures(tmp_path):
    pictures = []
    for name in ("a", "b"):
        args = ["--frames", "20", "--capture", name, "--capture-every", "20", "--run-dir", f"run-{name}"]
        done = run(tmp_path, *SMALL, "--stats", "every_frame", *args)
        assert done.returncode == 0, done.stderr
        pictures.append((tmp_path / name / "frame_000020.png").read_bytes())
    assert pictures[0] == pictures[1]


def test_interrupted_without_a_display_it_says_so_saves_and_exits_0(tmp_path):
    args = [word for word in SMALL if word != "--offscreen"]
    with subprocess.Popen(
        [*COMMAND, *args, "--run-dir", "run", "--frames", "100000"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        part = tmp_path / "run" / ".preview.part.mp4"
        deadline = time.monotonic() + 120
        while not part.exists() and time.monotonic() < deadline and program.poll() is None:
            time.sleep(0.1)
        time.sleep(1.0)
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
    assert program.returncode == 0, err
    assert err == "no display found: rendering offscreen\n"
    assert "wrote run/preview.png" in out
    assert len(list((tmp_path / "run").glob("checkpoint-*"))) >= 2  # at the start and at the end
    assert not part.exists()
