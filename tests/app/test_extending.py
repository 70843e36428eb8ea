"""What CONTRIBUTING says about adding an option, a number and a system is all there is to do."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from offscreen import ROOT

ADDING = (
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Adding")[2].partition("\n## ")[0]
)
EXAMPLES = [block.split("\n", 1) for block in re.findall(r"```python\n# (.*?)```", ADDING, re.S)]


def example(start: str) -> str:
    """The code of the example whose first line starts so."""
    (code,) = [code for place, code in EXAMPLES if place.startswith(start)]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 5
    return code


@pytest.fixture
def copy(tmp_path) -> Path:
    """A checkout of its own to be changed."""
    for name in ("ursina", "calf_gpu", "shaders"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "stage_4"))
    return tmp_path


def add(file: Path, where: str, code: str, indent: int) -> None:
    """Put code into a file, before the first place where ``where`` stands."""
    before, found, after = file.read_text(encoding="utf-8").partition(where)
    assert found, where
    file.write_text(before + textwrap.indent(code, " " * indent) + "\n" + found + after, encoding="utf-8")


def python(folder: Path, code: str, *args: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-P", "-c", start + textwrap.dedent(code), *args],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_option_is_a_line_in_its_room(copy):
    add(copy / "ursina" / "config" / "view.py", "    trail_width:", example("ursina/config/view.py"), 4)
    (copy / "file.toml").write_text("[view]\nsky = 0.25\n")
    shown = python(
        copy,
        """
        from calf_gpu.app.config.options import UsageError, parse_options
        print(parse_options([]).view.sky, parse_options(["--sky", "0.75"]).view.sky)
        print(parse_options(["--config", "file.toml"]).view.sky)
        try:
            parse_options(["--sky", "2"])
        except UsageError as error:
            print(error)
        parse_options(["--help"])
        """,
    )
    values, from_file, refused, help_text = shown.split("\n", 3)
    assert (values, from_file) == ("0.5 0.75", "0.25")
    assert refused == "--sky accepts a number from 0 to 1, got 2.0"
    assert "Brightness of the sky." in " ".join(help_text.split())


def test_a_number_is_a_line_in_its_table(copy):
    add(
        copy / "ursina" / "training" / "numbers.py",
        "    )  # fmt: skip",
        example("ursina/training/numbers.py"),
        8,
    )
    shown = python(
        copy,
        """
        import numpy as np
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from calf_gpu.app.config.visualization_config import VisualizationConfig
        from calf_gpu.app.stream.inline import InlineSource
        from calf_gpu.app.training.publication import Publication
        from calf_gpu.app.visuals.number_text import rows
        from pathlib import Path

        source = InlineSource(Publication(VisualizationConfig.of(n_agents=2), Path("run")))
        header, _, frame = source.receive()
        while frame.numbers[header.index("episode")] < 1:
            (frame,) = source.receive()
        place = header.index("speed")
        assert frame.numbers[place] == np.abs(np.float64(source._publisher.run.trainer.state[1]))
        print(dict(rows(header.numbers, frame.numbers.tolist())).get("Speed"))
        source.close()
        log = EventAccumulator("run/tensorboard").Reload()
        print(len(log.Scalars("episode/speed")))
        """,
    )
    text, logged = shown.splitlines()
    assert re.fullmatch(r"\d\.\d{3}", text)
    assert logged == "1"


def test_a_system_is_a_class_of_somebody_else(tmp_path):
    imports = "from dataclasses import dataclass\n\nimport calf_gpu.app.systems\n\n\n"
    (tmp_path / "mine.py").write_text(imports + example("mine.py"))
    args = ["--offscreen", "--size", "160x90", "--frames", "3", "--n-agents", "2", "--system", "mine:Damped"]
    for training in ("inline", "process"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "ursina" / "main.py"), *args, "--training", training],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert len(names) == 2
    assert all("mine.Damped" in name for name in names)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "accepts point_mass, differential_drive"),
        ("nowhere:Class", "ModuleNotFoundError"),
        ("math:pi", "it is a float, not a calf_gpu.app.systems.System"),
        ("collections:Counter", "it is a Counter, not a calf_gpu.app.systems.System"),
    ],
)
def test_what_is_no_system_is_one_line(tmp_path, name, said):
    done = subprocess.run(
        [sys.executable, str(ROOT / "ursina" / "main.py"), "--offscreen", "--system", name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: --system") and said in line
    assert list(tmp_path.iterdir()) == []
