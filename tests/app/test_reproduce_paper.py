"""The paper's experiment on a small scale: figure and numbers are there, and what is finished is not made again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from calf_gpu.app.systems import SYSTEMS
from tools.evaluate_training import roll_out
from tools.paper_experiment import START_SEED, Job
from tools.reproduce_paper import goal_share, main, parse, spread

ROOT = Path(__file__).parents[2]
STEPS = 700


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the experiment of one seed and a few steps, made by the program as users start it."""
    folder = tmp_path_factory.mktemp("paper")
    program = [sys.executable, str(ROOT / "tools" / "reproduce_paper.py")]
    options = ["--seeds", "1", "--steps", str(STEPS), "--results", "kept"]
    done = subprocess.run(
        [*program, *options], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "kept"


def test_figure_and_numbers(folder):
    with Image.open(folder / "paper_turtlebot.png") as picture:
        assert picture.size == (1400, 560)
        assert len(picture.convert("RGB").getcolors(maxcolors=1 << 18)) > 50, "something is on the picture"
    numbers = json.loads((folder / "paper_turtlebot.json").read_text(encoding="utf-8"))
    assert (numbers["seeds"], numbers["steps"], numbers["seeds_of_the_paper"]) == (1, STEPS, 25)
    assert {"system", "stabilizer", "learners", "cpu_seconds", "machine", "versions"} <= set(numbers)
    assert list(numbers["learners"]) == ["calf", "td3", "sac"]
    assert [learner["calf"]["rule"] for learner in numbers["learners"].values()] == ["calf", "none", "none"]
    for learner in numbers["learners"].values():
        assert {"learn", "calf", "evaluation", "training", "final", "cpu_seconds_a_seed"} <= set(learner)
        evaluation = learner["evaluation"]
        assert evaluation["steps"] == np.linspace(0, STEPS, 21).astype(int).tolist()
        for figures in (*evaluation["return"].values(), *evaluation["goal"].values()):
            assert len(figures) == 21


def test_the_stabilizer_and_calf_before_it_has_learnt_are_the_same(folder):
    numbers = json.loads((folder / "paper_turtlebot.json").read_text(encoding="utf-8"))
    system = SYSTEMS["turtlebot"]
    starts = system.sample_start(50, np.random.default_rng(START_SEED))
    expected = roll_out(system, starts, system.nominal_action)
    assert numbers["stabilizer"]["return"] == pytest.approx(expected["return"])
    assert numbers["stabilizer"]["goal"] == 1.0
    untrained = numbers["learners"]["calf"]["evaluation"]
    assert untrained["return"]["median"][0] == pytest.approx(expected["return"], rel=0.15)
    assert untrained["goal"]["median"][0] == 1.0
    assert numbers["learners"]["td3"]["evaluation"]["return"]["median"][0] < 3 * expected["return"]


def test_a_second_start_trains_nothing(folder, monkeypatch):
    kept = {file: file.read_bytes() for file in folder.glob("*_seed*.json")}
    assert len(kept) == 3
    monkeypatch.setattr("multiprocessing.get_context", lambda _: pytest.fail("trains again"))
    assert main(["--seeds", "1", "--steps", str(STEPS), "--results", str(folder)]) == 0
    assert {file: file.read_bytes() for file in kept} == kept


def test_other_steps_and_damaged_results_are_made_anew(folder, tmp_path):
    job = Job("calf", 0, STEPS, folder)
    assert job.finished() is not None
    assert Job("calf", 0, STEPS + 1, folder).finished() is None
    for content in (b"", b"[1]", job.file.read_bytes()[:-1]):
        damaged = Job("calf", 0, STEPS, tmp_path)
        damaged.file.write_bytes(content)
        assert damaged.finished() is None


def test_goal_share_is_of_the_last_fifty_episodes_ended_by_then():
    training = {"steps": [10, 10, *range(11, 71)], "reached": [0, 0] + 60 * [1]}
    np.testing.assert_allclose(
        goal_share(training, [9, 10, 11, 12, 58, 70]), [np.nan, 0, 1 / 3, 1 / 2, 0.96, 1]
    )


def test_spread_over_seeds():
    figures = spread(np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 6.0]]))
    assert figures["median"] == [2.0, None] and figures["least"] == [1.0, None]
    assert (figures["low"][0], figures["high"][0]) == (1.5, 3.0)


@pytest.mark.parametrize("words", ["--seeds -1", "--steps 0", "--seeds x"])
def test_numbers_that_make_no_sense_are_one_line(words, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(words.split())
    assert ended.value.code == 2
    assert "--" in capsys.readouterr().err.splitlines()[-1]


def test_quick_is_three_seeds_and_the_whole_is_the_papers():
    assert parse(["--quick"]).seeds == 3
    assert parse([]).seeds == 25
    assert parse(["--quick", "--seeds", "2"]).seeds == 2
