"""Checkpoints and folders from strangers: at worst they fail to load, in one line, and nothing else happens."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training import checkpoint
from calf_gpu.app.training.checkpoint import (
    PATTERN,
    CheckpointError,
    check_fits,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)
from calf_gpu.app.training.publication import Publication
from calf_gpu.app.training.run_files import KEPT_CHECKPOINTS, RunFiles

APPLICATION = Path(__file__).resolve().parents[2]
NAME = "checkpoint-000000007.safetensors"
STATE = {"trainer": {"total_steps": 7, "weights": np.arange(12.0).reshape(3, 4)}, "name": "run"}


class Bomb:
    """Makes a marker file when unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def outline(header: dict | bytes, data: bytes = b"") -> bytes:
    """A safetensors file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def signed(values: str, tensors: dict | None = None, data: bytes = b"", arrays: dict | None = None) -> bytes:
    """A file with correct format, version and checksum, whatever it holds."""
    metadata = {
        "format": checkpoint.FORMAT,
        "version": checkpoint.VERSION,
        "values": values,
        "sha256": checkpoint._digest(arrays or {}, values),
    }
    return outline({"__metadata__": metadata, **(tensors or {})}, data)


def tensor(shape, start: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def zip_bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../escaped", b"\0" * (1 << 22))
    return content.getvalue()


def torch_file(marker: Path) -> bytes:
    content = io.BytesIO()
    torch.save({"weights": Bomb(marker)}, content)
    return content.getvalue()


CORPUS = {
    "pickle": lambda marker: pickle.dumps(Bomb(marker)),
    "old pickle": lambda marker: pickle.dumps(Bomb(marker), protocol=0),
    "torch file": torch_file,
    "object array": lambda marker: b"\x93NUMPY\x01\x00" + pickle.dumps(Bomb(marker)),
    "pickle as data": lambda marker: outline({"x": tensor([10], 0, 10, "U8")}, pickle.dumps(Bomb(marker))),
    "code as values": lambda marker: signed(f"__import__('pathlib').Path({str(marker)!r}).touch()"),
    "zip bomb": lambda marker: zip_bomb(),
    "huge header": lambda marker: struct.pack("<Q", 1 << 60) + b"{}",
    "long header": lambda marker: struct.pack("<Q", 5 << 20) + b"{" + b" " * (5 << 20),
    "header past the end": lambda marker: struct.pack("<Q", 4000) + b"{}",
    "negative header": lambda marker: struct.pack("<q", -1) + b"{}",
    "no header": lambda marker: b"\0" * 8,
    "short": lambda marker: b"\x10",
    "header is a list": lambda marker: outline(b"[]"),
    "nested header": lambda marker: outline(b'{"x":' + b"[" * 50_000),
    "nested values": lambda marker: signed("[" * 100_000),
    "many digits": lambda marker: signed("9" * 100_000),
    "values are a list": lambda marker: signed("[]", {"a/b": tensor([1], 0, 4)}, b"\0" * 4),
    "unknown dtype": lambda marker: outline({"x": tensor([1], 0, 8, "O64")}, b"\0" * 8),
    "dtype without a twin": lambda marker: signed("{}", {"x": tensor([2], 0, 4, "BF16")}, b"\0" * 4),
    "negative shape": lambda marker: outline({"x": tensor([-1], 0, 4)}, b"\0" * 4),
    "huge shape": lambda marker: outline({"x": tensor([1 << 40, 1 << 40], 0, 4)}, b"\0" * 4),
    "shape beyond the data": lambda marker: outline({"x": tensor([1 << 30], 0, 1 << 32)}, b"\0" * 4),
    "overlapping": lambda marker: outline({"x": tensor([2], 0, 8), "y": tensor([2], 4, 12)}, b"\0" * 12),
    "gap": lambda marker: outline({"x": tensor([1], 0, 4), "y": tensor([1], 8, 12)}, b"\0" * 12),
    "backward offsets": lambda marker: outline({"x": tensor([1], 4, 0)}, b"\0" * 4),
    "trailing data": lambda marker: outline({"x": tensor([1], 0, 4)}, b"\0" * 400),
    "names that climb": lambda marker: signed(
        "{}", {"../../x": tensor([1], 0, 4)}, b"\0" * 4, {"../../x": np.zeros(1, np.float32)}
    ),
    "names of attributes": lambda marker: signed(
        '{"a": 1}', {"a/__class__": tensor([1], 0, 4)}, b"\0" * 4, {"a/__class__": np.zeros(1, np.float32)}
    ),
    "no checksum": lambda marker: outline(
        {"__metadata__": {"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "values": "{}"}}
    ),
    "wrong checksum": lambda marker: outline(
        {
            "__metadata__": {
                "format": checkpoint.FORMAT,
                "version": checkpoint.VERSION,
                "values": "{}",
                "sha256": "0" * 64,
            }
        }
    ),
    "no values": lambda marker: outline(
        {"__metadata__": {"format": checkpoint.FORMAT, "version": checkpoint.VERSION}}
    ),
    "version of the future": lambda marker: outline(
        {"__metadata__": {"format": checkpoint.FORMAT, "version": "2", "values": "{}", "sha256": ""}}
    ),
    "no version": lambda marker: outline({"__metadata__": {"format": checkpoint.FORMAT}}),
}


@pytest.mark.parametrize("kind", CORPUS)
def test_hostile_files_fail_in_one_line_without_effect_and_without_memory(tmp_path, kind):
    marker = tmp_path / "marker"
    path = tmp_path / NAME
    path.write_bytes(CORPUS[kind](marker))
    before = sorted(tmp_path.parent.rglob("*"))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert peak < 32 << 20
    assert not marker.exists()
    assert sorted(tmp_path.parent.rglob("*")) == before
    assert newest_checkpoint(tmp_path) is None


def test_huge_files_and_things_that_are_no_files_are_not_opened(tmp_path):
    path = tmp_path / NAME
    with path.open("wb") as file:
        file.truncate(1 << 40)  # a hole: takes no space
    with pytest.raises(CheckpointError, match="larger than"):
        load_checkpoint(path)
    path.unlink()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)  # would wait for a writer for ever
        with pytest.raises(CheckpointError, match="not a file"):
            load_checkpoint(path)
        path.unlink()
        path.symlink_to("/dev/zero")
        with pytest.raises(CheckpointError, match="not a file"):
            load_checkpoint(path)


def test_every_byte_counts(tmp_path):
    path = save_checkpoint(tmp_path, 7, STATE)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in range(len(content)):
        others = {content[position] ^ (1 << int(rng.integers(8))), int(rng.integers(256)), *b" \t\n\r0"}
        for value in others - {content[position]}:
            path.write_bytes(content[:position] + bytes([value]) + content[position + 1 :])
            with pytest.raises(CheckpointError):
                load_checkpoint(path)
    path.write_bytes(content)
    assert load_checkpoint(path)["name"] == "run"


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("run") / NAME
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


# -- files in good order that hold the wrong things ------------------------------------------------------


@pytest.fixture(scope="module")
def good_state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    publication = Publication(VisualizationConfig.of(n_agents=3, grid_size=5), folder)
    for _ in range(140):
        publication.advance()
    publication.close()
    return newest_checkpoint(folder)[0]


def places(state: dict, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of all entries, dictionaries included."""
    found = []
    for name, value in state.items():
        found.append((*path, name))
        if isinstance(value, dict):
            found += places(value, (*path, name))
    return found


REPLACEMENTS = [
    "text", 10**30, -1, 1.5, None, True, [], [1, "x"], {}, {"x": 1},
    np.zeros(0), np.zeros((2, 2), np.float32), np.zeros(1, np.int8), np.full(3, np.nan), np.zeros(()),
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_states_with_foreign_entries_load_or_are_refused_in_one_line(good_state, tmp_path_factory, data):
    state = load_checkpoint(good_state)
    *parents, name = data.draw(st.sampled_from(places(state)))
    branch = state
    for parent in parents:
        branch = branch[parent]
    if data.draw(st.integers(0, 4)):
        branch[name] = data.draw(st.sampled_from(REPLACEMENTS))
    else:
        del branch[name]
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(folder, 140, state)
    try:
        publication = Publication(VisualizationConfig.of(n_agents=3, grid_size=5, resume=True), folder)
    except CheckpointError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).startswith(str(folder))
    else:  # a value that is as good as the one before, or of no consequence
        publication.advance()
        publication.close()


def test_other_systems_and_other_sizes_are_refused(good_state):
    folder = good_state.parent
    with pytest.raises(CheckpointError, match="of system point_mass, not differential_drive"):
        Publication(VisualizationConfig.of(system="differential_drive", resume=True), folder)
    Publication(VisualizationConfig.of(n_agents=3, grid_size=5, resume=True), folder).close()


def test_what_fits_and_what_does_not():
    example = {"a": np.zeros((0, 3), np.float32), "b": 1, "c": 0.5, "d": {}, "e": [0.0, 0.0]}
    good = {"a": np.ones((9, 3), np.float32), "b": 7, "c": 2, "d": {"x": 1}, "e": [1, 2.5]}
    check_fits(good, example)
    for name, value in {
        "a": np.ones((9, 4), np.float32),
        "b": True,
        "c": "x",
        "d": 3,
        "e": [1.0],
    }.items():
        with pytest.raises(CheckpointError, match=f"'{name}'"):
            check_fits({**good, name: value}, example)
    with pytest.raises(CheckpointError, match="'a'"):
        check_fits({**good, "a": np.ones((9, 3))}, example)


# -- one program a folder --------------------------------------------------------------------------------


def test_a_folder_takes_one_program_at_a_time(tmp_path):
    first = RunFiles(tmp_path, resume=False)
    with pytest.raises(ValueError, match=r"is in use by another program; end it or choose another folder"):
        RunFiles(tmp_path, resume=False)
    first.close()
    first.close()
    RunFiles(tmp_path, resume=False).close()


HOLDER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from calf_gpu.app.training.run_files import RunFiles
files = RunFiles(Path(sys.argv[2]), resume=False)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_dead_program_keeps_no_folder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(APPLICATION), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match="in use by another program"):
            RunFiles(tmp_path, resume=False)
        process.kill()
        process.wait(10)
    RunFiles(tmp_path, resume=False).close()


def test_a_run_may_be_closed_by_another_thread(tmp_path):
    files = RunFiles(tmp_path, resume=False)
    closing = threading.Thread(target=files.close)
    closing.start()
    closing.join()
    RunFiles(tmp_path, resume=False).close()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_folder_or_a_link_in_place_of_the_lock_is_refused_and_left_alone(tmp_path):
    (tmp_path / ".lock").mkdir()
    with pytest.raises(OSError, match=r"^run_dir .* cannot be written: "):
        RunFiles(tmp_path, resume=False)
    (tmp_path / ".lock").rmdir()
    mine = tmp_path / "mine"
    mine.write_text("kept")
    (tmp_path / ".lock").symlink_to(mine)
    with pytest.raises(OSError, match=r"^run_dir .* cannot be written: "):
        RunFiles(tmp_path, resume=False)
    assert mine.read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_in_place_of_the_lock_blocks_nobody(tmp_path):
    os.mkfifo(tmp_path / ".lock")
    opening = threading.Thread(target=lambda: RunFiles(tmp_path, resume=False).close(), daemon=True)
    opening.start()
    opening.join(20)
    assert not opening.is_alive()


def test_a_checkpoint_that_cannot_be_used_lets_go_of_the_folder(tmp_path):
    save_checkpoint(tmp_path, 7, STATE)
    for _ in range(2):
        with pytest.raises(CheckpointError, match="cannot be resumed from"):
            Publication(VisualizationConfig.of(resume=True), tmp_path)


# -- few checkpoints, and full disks ---------------------------------------------------------------------


def test_a_long_run_keeps_its_newest_checkpoints_only(tmp_path):
    publication = Publication(VisualizationConfig.of(n_agents=2, grid_size=3), tmp_path)
    for _ in range(6):
        publication.advance()
        publication.run.save()
    assert sorted(path.name for path in tmp_path.glob(PATTERN)) == [
        f"checkpoint-{step:09d}.safetensors" for step in (3, 4, 5)
    ]
    assert KEPT_CHECKPOINTS == 3
    publication.close()


def test_a_run_with_nothing_but_damaged_checkpoints_is_not_begun_anew(tmp_path):
    Publication(VisualizationConfig.of(n_agents=2, grid_size=3), tmp_path).close()
    for path in tmp_path.glob(PATTERN):
        path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):  # the folder is let go each time
        with pytest.raises(
            CheckpointError, match=r"^none of 1 checkpoints can be resumed from: .*checkpoint-0"
        ) as caught:
            Publication(VisualizationConfig.of(n_agents=2, grid_size=3, resume=True), tmp_path)
        assert len(str(caught.value).splitlines()) == 1


def test_the_only_good_checkpoint_outlives_later_damaged_ones(tmp_path, capsys):
    publication = Publication(VisualizationConfig.of(n_agents=2, grid_size=3), tmp_path)
    publication.close()
    for step in (10, 11, 12, 13):
        (tmp_path / f"checkpoint-{step:09d}.safetensors").write_bytes(b"damaged")
    publication = Publication(VisualizationConfig.of(n_agents=2, grid_size=3, resume=True), tmp_path)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "checkpoint-000000013.safetensors is damaged: resuming from checkpoint-000000000.safetensors"
    )
    for _ in range(3):
        publication.advance()
        publication.run.save()
        assert newest_checkpoint(tmp_path)[1]["trainer"]["total_steps"] == publication.run.trainer.total_steps
    publication.close()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_is_one_line_and_leaves_the_earlier_checkpoints(tmp_path, monkeypatch, call):
    publication = Publication(VisualizationConfig.of(n_agents=2, grid_size=3), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.glob(PATTERN)}

    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for _ in range(3):
        publication.advance()
    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync", fail) if call == "fsync" else (Path, "replace", fail)))
        with pytest.raises(OSError, match=r"checkpoint-.* cannot be written: No space left on device"):
            publication.run.save()
        assert {path: path.read_bytes() for path in tmp_path.glob(PATTERN)} == before
        assert not list(tmp_path.glob(".*.tmp"))
    publication.advance()  # room again: training goes on and saves
    publication.close()
    assert newest_checkpoint(tmp_path)[1]["trainer"]["total_steps"] == 3


def test_folders_that_cannot_be_run_folders(tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(ValueError, match=r"run_dir .*file is not a folder"):
        RunFiles(file, resume=False)
    with pytest.raises(OSError, match=r"run_dir .* cannot be written"):
        RunFiles(file / "below", resume=False)
    assert file.read_text() == "not a folder"
