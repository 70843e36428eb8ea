"""Recorded frame states come back as they were; a stranger's file can at worst fail to load."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from calf_gpu.app.training.recording import load_recording, save_recording

from scene_frames import bowl, make_frame


def frames(count: int = 5):
    rng = np.random.default_rng(0)
    made = [make_frame(step, rng.normal(size=(4, 3)).astype(np.float32)) for step in range(count)]
    grids = [bowl() * (step // 2 + 1) for step in range(count)]
    return [
        replace(f, q_grid=g.astype(np.float32), q_version=i // 2)
        for i, (f, g) in enumerate(zip(made, grids, strict=True))
    ]


def test_states_come_back(tmp_path):
    written = frames()
    save_recording(tmp_path / "r.npz", written)
    for before, after in zip(written, load_recording(tmp_path / "r.npz"), strict=True):
        for field in fields(before):
            np.testing.assert_equal(getattr(after, field.name), getattr(before, field.name))


def test_a_changing_number_of_agents_is_refused(tmp_path):
    written = frames(2)
    fewer = replace(written[1], states=written[1].states[1:], modes=written[1].modes[1:])
    with pytest.raises(ValueError, match="equally many agents"):
        save_recording(tmp_path / "r.npz", [written[0], fewer])
    with pytest.raises(ValueError, match="needs frames"):
        save_recording(tmp_path / "r.npz", [])


class Bomb:
    def __reduce__(self):
        return (open, ("marker", "w"))


def test_pickles_are_not_loaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npz").write_bytes(pickle.dumps(Bomb()))
    save_recording(tmp_path / "b.npz", frames())
    with np.load(tmp_path / "b.npz") as file:
        content = dict(file)
    np.savez(tmp_path / "b.npz", **{**content, "grids": np.array([Bomb()], object)})
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match="pickle"):
            load_recording(tmp_path / name)
    assert not (tmp_path / "marker").exists()
