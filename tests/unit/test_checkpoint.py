"""Checkpoints: exact round trips, and nothing incomplete or foreign is ever taken for one."""

import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from calf_gpu.app.training import checkpoint
from calf_gpu.app.training.checkpoint import (
    CheckpointError,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from calf_gpu.app.utils import atomic_files

APPLICATION = Path(__file__).resolve().parents[2]

STATE = {
    "numbers": {
        "pi": 3.141592653589793,
        "nan": float("nan"),
        "big": 2**127 + 1,
        "no": None,
        "list": [1, 2.5, "x"],
    },
    "arrays": {
        "float64": np.array([[1.0, np.nan], [-0.0, 1e300]]),
        "float32": np.float32([0.1]),
        "scalar": np.array(7, np.int64),
        "flags": np.array([True, False]),
        "empty": np.empty((0, 3), np.uint8),
        "strided": np.arange(10.0)[::3],
    },
    "name": "actor.mu.0.weight",
}


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        assert a.tobytes() == b.tobytes()
    else:
        assert a == b or (a != a and b != b)


def test_round_trip_is_exact(tmp_path):
    assert_same(load_checkpoint(save_checkpoint(tmp_path, 12, STATE)), STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000012.safetensors"]


def test_newest_is_the_highest_step(tmp_path):
    for step in (90, 1000, 200):
        save_checkpoint(tmp_path, step, {"step": step})
    path, state = newest_checkpoint(tmp_path)
    assert (path.name, state) == ("checkpoint-000001000.safetensors", {"step": 1000})


def test_no_checkpoint(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    assert newest_checkpoint(tmp_path / "missing") is None


@settings(max_examples=40, deadline=None)
@given(fraction=st.floats(0.0, 1.0, exclude_max=True))
def test_truncated_newest_is_skipped(tmp_path_factory, fraction):
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder, 1, {"step": 1})
    newest = save_checkpoint(folder, 2, STATE)
    content = newest.read_bytes()
    newest.write_bytes(content[: int(fraction * len(content))])
    assert newest_checkpoint(folder)[1] == {"step": 1}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_is_found(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    path = save_checkpoint(folder, 1, STATE)
    content = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        loaded = load_checkpoint(path)
    except CheckpointError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
    else:  # padding between header and data carries nothing
        assert_same(loaded, STATE)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip", b"\x80\x04N.", struct.pack("<Q", 2**62) + b"{}"]
)
def test_foreign_files_are_refused(tmp_path, content):
    path = tmp_path / "checkpoint-000000001.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a complete checkpoint"):
        load_checkpoint(path)
    assert newest_checkpoint(tmp_path) is None


def test_folders_and_missing_files_are_refused(tmp_path):
    (tmp_path / "checkpoint-000000001.safetensors").mkdir()
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "checkpoint-000000001.safetensors")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "nothing")
    assert newest_checkpoint(tmp_path) is None


def test_other_safetensors_and_other_versions_are_refused(tmp_path, monkeypatch):
    other = tmp_path / "model.safetensors"
    save_file({"x": np.zeros(1)}, other)
    with pytest.raises(CheckpointError, match="not a calf-gpu checkpoint"):
        load_checkpoint(other)
    monkeypatch.setattr(checkpoint, "VERSION", "99")
    path = save_checkpoint(tmp_path, 1, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format version '99', accepted is '2'"):
        load_checkpoint(path)


def test_tensors_that_fit_no_values_are_refused(tmp_path):
    path = tmp_path / "checkpoint-000000001.safetensors"
    arrays, text = {"no/such/place": np.zeros(1)}, json.dumps({})
    metadata = {
        "format": checkpoint.FORMAT,
        "version": checkpoint.VERSION,
        "values": text,
        "sha256": checkpoint._digest(arrays, text),
    }
    save_file(arrays, path, metadata)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    atomic_files.write_atomically(path, b"old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(atomic_files.os, "fsync", fail)
    with pytest.raises(OSError, match=r"file cannot be written: disk full"):
        atomic_files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from calf_gpu.app.training.checkpoint import save_checkpoint
step = int(sys.argv[3])
print("ready", flush=True)
while True:
    step += 1
    save_checkpoint(Path(sys.argv[2]), step, {"step": step, "rows": np.full(100_000, step)})
    print(step, flush=True)
"""


def test_killed_while_writing_leaves_every_finished_checkpoint(tmp_path):
    rng, step = np.random.default_rng(0), 0
    for _ in range(8):
        command = [sys.executable, "-c", WRITER, str(APPLICATION), str(tmp_path), str(step)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.02, 0.12))
            os.kill(process.pid, signal.SIGKILL)
            told = [int(line) for line in process.stdout.read().splitlines()]
        finished = max(told, default=step)
        if finished:
            path, state = newest_checkpoint(tmp_path)
            step = state["step"]
            assert step in (finished, finished + 1)  # renamed, but killed before it could tell
            assert path == max(tmp_path.glob(checkpoint.PATTERN))  # none that is incomplete had to be skipped
            np.testing.assert_array_equal(state["rows"], step)
    assert step > 8
