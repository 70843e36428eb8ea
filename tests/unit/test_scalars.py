"""The event file as TensorBoard reads it, and what a full disk makes of it."""

from __future__ import annotations

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from calf_gpu.app.training.scalars import ScalarLog


def read(folder) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }


def test_values_are_read_back_by_tag_and_step(tmp_path):
    log = ScalarLog(tmp_path / "new", 0)
    log.add(10, {"a": 1.5, "b": -2.0})
    assert read(tmp_path / "new") == {"a": [(10, 1.5)], "b": [(10, -2.0)]}, "nothing waits in a queue"
    log.add(20, {"a": 2.5})
    log.close()
    assert read(tmp_path / "new")["a"] == [(10, 1.5), (20, 2.5)]


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path):
    first = ScalarLog(tmp_path, 0)
    for step in (10, 20, 30):
        first.add(step, {"a": float(step)})
    first.close()
    second = ScalarLog(tmp_path, 21)
    second.add(25, {"a": -1.0})
    second.close()
    assert read(tmp_path)["a"] == [(10, 10.0), (20, 20.0), (25, -1.0)]


def test_a_full_disk_is_one_line(tmp_path):
    log = ScalarLog(tmp_path, 0)

    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    log._writer._writer = Full()
    with pytest.raises(
        OSError, match=r"events\.out\.tfevents\..* cannot be written: No space left on device$"
    ):
        log.add(1, {"a": 1.0})
