"""Our package beside other people's: their modules may have the names of our folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.name for path in (ROOT / "ursina").iterdir() if path.is_dir() and any(path.glob("*.py")))

THEIRS = "\n".join(
    f"import {name}; assert {name}.MARK == {name!r}, {name}" for name in (*NAMES, "main", "tools")
)
OURS = """
from calf_gpu.app.config.visualization_config import VisualizationConfig
from calf_gpu.app.training.calf import Calf
from calf_gpu.app.utils.atomic_files import write_atomically
"""
USE = """
import importlib.util, pathlib
write_atomically(pathlib.Path("written"), f"{type(VisualizationConfig()).__name__} {config.MARK}".encode())
assert Calf.__module__ == "calf_gpu.app.training.calf" and training.MARK == "training"
engine = pathlib.Path(importlib.util.find_spec("ursina").origin)
assert engine.parent.name == "ursina" and (engine.parent / "entity.py").exists(), engine
"""


@pytest.mark.parametrize("imports", [OURS + THEIRS, THEIRS + OURS], ids=["ours first", "theirs first"])
def test_a_program_with_packages_of_the_same_names_uses_both(tmp_path, imports):
    for name in (*NAMES, "tools"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"MARK = {name!r}\n")
    (tmp_path / "main.py").write_text("MARK = 'main'\n")
    (tmp_path / "program.py").write_text(imports + USE)
    done = subprocess.run(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "written").read_text() == "VisualizationConfig config"
