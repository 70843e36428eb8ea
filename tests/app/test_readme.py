"""Every command of the README runs, on a smaller scale and in a folder of its own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.S)
COMMANDS = [line.partition("#")[0].strip() for block in BLOCKS for line in block.splitlines() if line.strip()]
SMALLER = ["--size", "320x180", "--frames", "4"]


def programs() -> list[str]:
    parts = [part.strip() for command in COMMANDS for part in command.split("&&")]
    return [part for part in parts if part.startswith("python ursina/main.py")]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the program, with fewer frames or episodes than it asks for."""
    words = shlex.split(command)[2:]
    words += ["--episodes", "1"] if "--no-render" in words else SMALLER
    program = [sys.executable, str(ROOT / "ursina" / "main.py"), *words]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_commands_are_found():
    assert len(programs()) >= 6
    assert sum("pip install" in command for command in COMMANDS) == 2


@pytest.mark.parametrize("command", [c for c in programs() if "runs/mine" not in c])
def test_command_runs(command, tmp_path):
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr


def test_training_without_pictures_and_looking_at_it_afterwards(tmp_path):
    commands = [command for command in programs() if "runs/mine" in command]
    assert len(commands) == 2
    for command in commands:
        done = run(command, tmp_path)
        assert done.returncode == 0, done.stderr


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    missing = [t for t in targets if not t.startswith("http") and not (ROOT / t).exists()]
    assert not missing


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    table = README.partition("## Packages")[2]
    assert {name for name in names if not re.search(rf"^\|.*\b{name}\b.*\|.*\w", table, re.M)} == set()


def keys_of(cell: str) -> list[str]:
    """Keys in a cell of README's table, as the viewer's help writes them."""
    words = re.sub(r"[*`,]|\bmouse\b", " ", cell).replace(" / ", " ").split()
    return [word.capitalize() if len(word) > 2 else word for word in words]


def test_the_table_of_keys_and_the_help_of_the_viewer_have_the_same_keys():
    from calf_gpu.app.visuals.keys import KEYS

    table = README.partition("## Keys")[2].partition("## ")[0]
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("|")][2:]
    written = [key for row in rows for cell in row[::2] for key in keys_of(cell)]
    assert sorted(written) == sorted(cap for keys in KEYS for cap in keys.caps)
