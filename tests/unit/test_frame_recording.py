"""Recorded frames come back as they were; a stranger's file can at worst fail to load."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from calf_gpu.app.stream.codec import CodecError
from calf_gpu.app.stream.commands import Pause, Stop
from calf_gpu.app.stream.frame import Frame, Status
from scene_frames import bowl, make_frame, make_header
from tools.frame_recording import RecordedSource, load_recording, save_recording


def messages(count: int = 5):
    """A header, a status, and frames of which every two show one grid; the number of agents changes."""
    rng = np.random.default_rng(0)
    frames = [
        make_frame(
            number,
            rng.normal(size=(4 + number // 3, 2)),
            q_grid=bowl() * (number // 2 + 1),
            q_version=number // 2,
        )
        for number in range(count)
    ]
    return [make_header(), Status("running"), *frames]


def same(before: Frame, after: Frame) -> None:
    assert (after.number, after.earlier) == (before.number, before.earlier)
    np.testing.assert_array_equal(after.numbers, before.numbers)
    for name in ("states", "modes", "respawned"):
        np.testing.assert_array_equal(getattr(after.now, name), getattr(before.now, name))


def test_messages_come_back_and_a_grid_is_written_once(tmp_path):
    written = messages()
    save_recording(tmp_path / "r", written)
    read = load_recording(tmp_path / "r")
    assert read[:2] == written[:2]
    shown = None
    for before, after in zip(written[2:], read[2:], strict=True):
        same(before, after)
        assert (after.grid is None) == (before.number % 2 == 1)
        shown = after.grid or shown
        np.testing.assert_array_equal(shown.values, before.grid.values)


def test_a_recording_is_a_source_of_one_frame_at_a_time_that_obeys_nobody():
    written = messages(3)
    source = RecordedSource(written)
    assert source.receive() == written[:3]
    source.send(Pause(True))
    source.send(Stop())
    assert source.receive() == written[3:4]
    assert source.receive() == written[4:]
    assert source.receive() == []
    source.close()


class Bomb:
    def __reduce__(self):
        return (open, ("marker", "w"))


def test_other_files_are_refused_and_nothing_in_them_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_recording(tmp_path / "good", messages())
    good = (tmp_path / "good").read_bytes()
    bomb = pickle.dumps(Bomb())
    for name, content in {
        "pickle": bomb,
        "message": len(bomb).to_bytes(4, "little") + bomb,
        "cut": good[:-3],
        "long": b"\xff\xff\xff\xff" + good,
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CodecError) as error:
            load_recording(tmp_path / name)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "marker").exists()
    (tmp_path / "empty").write_bytes(b"")
    assert load_recording(tmp_path / "empty") == []
