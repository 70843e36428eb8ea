"""The watcher notices what editors do to files."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from calf_gpu.app.utils.shader_watcher import ShaderWatcher


def wait_for_change(watcher: ShaderWatcher, seconds: float = 3.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if watcher.changed():
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "include").mkdir()
    (tmp_path / "a.frag").write_text("one")
    (tmp_path / "include" / "b.glsl").write_text("one")
    return tmp_path


def edit(path: Path) -> None:
    path.write_text("two")


def save_by_rename(path: Path) -> None:
    aside = path.with_name(path.name + "~")
    aside.write_text("two")
    aside.replace(path)


def delete(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [edit, save_by_rename, delete])
@pytest.mark.parametrize("name", ["a.frag", "include/b.glsl"])
def test_changes_are_noticed_once(folder, change, name):
    with ShaderWatcher(folder) as watcher:
        time.sleep(0.3)  # the operating system's watch is set up by then
        watcher.changed()
        change(folder / name)
        assert wait_for_change(watcher)
        time.sleep(0.3)
        watcher.changed()
        assert not wait_for_change(watcher, 0.3)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        ShaderWatcher(tmp_path / "missing")


def test_close_is_quick_and_may_be_repeated(folder):
    watcher = ShaderWatcher(folder)
    start = time.monotonic()
    watcher.close()
    watcher.close()
    assert time.monotonic() - start < 2.0
