"""The options as values: presets, types, ranges, and the one line that a refused value ends in."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.app.config.calf import CalfOptions
from calf_gpu.app.config.learn import LearnOptions
from calf_gpu.app.config.room import docs
from calf_gpu.app.config.visualization_config import (
    MAX_TRAIL_RECORDS,
    PRESETS,
    RANGES,
    ROOM_OF,
    ROOMS,
    OptionError,
    VisualizationConfig,
    accepts,
)

ROOT = Path(__file__).parents[2]
OPTIONS = list(ROOM_OF)
of = VisualizationConfig.of


@pytest.mark.parametrize(
    ("preset", "agents", "trail", "grid"),
    [("low", 3, 300, 15), ("medium", 5, 600, 21), ("high", 10, 1000, 31)],
)
def test_presets(preset, agents, trail, grid):
    config = of(preset)
    run, view = config.run, config.view
    assert (view.preset, run.n_agents, view.trail_length, run.grid_size) == (preset, agents, trail, grid)


def test_defaults_are_those_of_medium():
    assert VisualizationConfig() == of("medium")


def test_explicit_values_win_over_the_preset():
    config = of("high", n_agents=7)
    assert (config.run.n_agents, config.run.grid_size) == (7, PRESETS["high"]["grid_size"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_agents", 0),
        ("n_agents", 10**9),
        ("n_agents", 2.0),
        ("n_agents", True),
        ("n_agents", "5"),
        ("grid_size", 1),
        ("grid_size", 100_000),
        ("seed", -1),
        pytest.param("seed", 10**5000, id="a number of 5000 digits"),
        ("size", (0, 0)),
        ("size", (100_000, 100_000)),
        ("size", (640,)),
        ("size", (640.0, 480.0)),
        ("size", "640"),
        ("size", "640x480x3"),
        ("hidden_layers", ()),
        ("hidden_layers", [64] * 9),
        ("hidden_layers", [64, 0]),
        ("hidden_layers", [64.0]),
        ("hidden_layers", "64,64"),
        ("hidden_layers", 64),
        ("learning_rate", 0.0),
        ("discount", 1.1),
        ("noise_time", -0.1),
        ("trail_upload", "fbo"),
        ("nu_bar", math.nan),
        ("c_up", math.inf),
        ("c_low", -0.1),
        ("initial_relax", 1.5),
        ("relax_decay", "much"),
        ("system", ""),
        ("system", "two\nlines"),
        ("system", None),
        ("offscreen", 1),
        ("offscreen", "yes"),
        ("run_dir", ""),
        ("run_dir", "a\0b"),
        ("run_dir", 3),
        ("frames", 0),
        ("colormap", "no such map"),
        ("colormap", ["viridis"]),
    ],
)
def test_a_refused_value_is_one_line_with_the_option_and_what_it_accepts(name, value):
    with pytest.raises(ValueError) as caught:
        of(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} accepts {accepts(name)}, got ")
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize("preset", ["", "MEDIUM", None, 3, ["low"]])
def test_unknown_presets_are_refused(preset):
    with pytest.raises(OptionError, match=r"^preset accepts low, medium or high, got"):
        of(preset)


def test_unknown_fields_are_refused():
    for make in (of, VisualizationConfig().replace):
        with pytest.raises(OptionError, match=r"^n_agent is not an option"):
            make(n_agent=3)


def test_impossible_combinations_are_refused():
    with pytest.raises(OptionError, match=r"^trail_length accepts at most"):
        of(n_agents=100_000, trail_length=10_000)
    with pytest.raises(OptionError, match=r"^c_low accepts at most c_up"):
        of(c_low=2.0, c_up=1.0)
    with pytest.raises(OptionError, match=r"^capture needs pictures"):
        of(no_render=True, capture="x")
    with pytest.raises(
        OptionError, match=r"^heights accepts loop or numpy where trails is per_agent, got 'gpu'$"
    ):
        of(heights="gpu", trails="per_agent")
    with pytest.raises(OptionError, match=r"^batch_size accepts at most buffer_size = 100, got 128$"):
        of(buffer_size=100, batch_size=128)
    with pytest.raises(OptionError, match=r"^return_steps accepts at most buffer_size = 10, got 20$"):
        of(buffer_size=10, batch_size=10, return_steps=20)


def test_the_longest_trail_that_is_named_is_accepted():
    with pytest.raises(OptionError) as caught:
        of(n_agents=100_000, trail_length=10_000)
    longest = int(caught.value.reason.split("at most ")[1].split()[0])
    config = of(n_agents=100_000, trail_length=longest)
    assert (config.run.n_agents + 1) * (config.view.trail_length + 1) <= MAX_TRAIL_RECORDS
    with pytest.raises(OptionError):
        of(n_agents=100_000, trail_length=longest + 1)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_both_bounds_of_every_range_are_accepted_and_nothing_beyond(name):
    low, high = RANGES[name]
    room = ROOMS[ROOM_OF[name]]

    def make(value):
        several = {"size": (value, value), "hidden_layers": (value,)}
        return getattr(room(**{name: several.get(name, value)}), name)

    for value in (low, high):
        assert make(value) in (value, (value, value), (value,))
    for value in (low - 1, high + 1):
        with pytest.raises(OptionError):
            make(value)


def test_rooms_check_their_options_on_their_own():
    assert LearnOptions(hidden_layers=[8, 8]).hidden_layers == (8, 8)
    assert isinstance(CalfOptions(nu_bar=1).nu_bar, float)
    with pytest.raises(OptionError, match=r"^nu_bar accepts a number from 0 to 1000000, got -1$"):
        CalfOptions(nu_bar=-1)
    with pytest.raises(OptionError, match=r"^batch_size accepts"):
        dataclasses.replace(LearnOptions(), batch_size=0)


def test_replacing_options_checks_them_again_and_keeps_the_others():
    config = of("high", seed=3, c_low=0.5, discount=0.998)
    changed = config.replace(n_agents=2, discount=0.9)
    assert (changed.run.n_agents, changed.learn.discount) == (2, 0.9)
    assert {**changed.as_dict(), "n_agents": 10, "discount": 0.998} == config.as_dict()
    assert config.run.n_agents == 10
    for values in ({"n_agents": 0}, {"c_up": 0.1}, {"n_agents": 100_000, "trail_length": 10_000}):
        with pytest.raises(OptionError):
            config.replace(**values)
    assert config.replace(preset="low").run.n_agents == 10


def test_every_option_has_one_name_one_place_and_one_explanation():
    names = [field.name for room in ROOMS.values() for field in dataclasses.fields(room)]
    assert len(names) == len(set(names)) and names == OPTIONS
    assert not set(names) & set(ROOMS)
    for name, room in ROOMS.items():
        assert docs(room).keys() == room.rules.keys(), name
        assert all(text.endswith(".") or text.endswith(")") for text in docs(room).values())


def test_a_configuration_passes_to_other_processes():
    config = of("high", run_dir="a", hidden_layers=[3])
    assert pickle.loads(pickle.dumps(config)) == config
    assert hash(config) == hash(of("high", run_dir="a", hidden_layers=[3]))


def test_importing_the_options_pulls_in_nothing_heavy():
    code = (
        "import sys, calf_gpu.app.config.options\n"
        "print(*{'torch', 'panda3d', 'matplotlib', 'numpy', 'gymnasium'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_options_become_json():
    config = of("low", run_dir="runs/a", size=[640, 480], hidden_layers=[32], capture="c", frames=3)
    plain = json.loads(json.dumps(config.as_dict()))
    assert sorted(plain) == sorted(OPTIONS)
    assert plain["run_dir"] == "runs/a"
    assert of(**plain) == config


@given(
    st.sampled_from(OPTIONS),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers(), max_size=3)
    ),
)
def test_any_value_of_any_option_is_accepted_or_refused_in_one_line(name, value):
    try:
        config = of(**{name: value})
    except OptionError as error:
        assert error.option == name or name in ("c_up", "c_low", "n_agents", "buffer_size")
        assert len(str(error).splitlines()) == 1
    else:
        assert of(**json.loads(json.dumps(config.as_dict(), allow_nan=False))) == config
