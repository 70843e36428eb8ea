"""The options as values: presets, types, ranges, and the one line that a refused value ends in."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from calf_gpu.app.config.visualization_config import (
    MAX_TRAIL_RECORDS,
    PRESETS,
    RANGES,
    OptionError,
    VisualizationConfig,
    accepts,
)
from hypothesis import given
from hypothesis import strategies as st

FIELDS = [field.name for field in dataclasses.fields(VisualizationConfig)]


@pytest.mark.parametrize(
    ("preset", "agents", "trail", "grid"),
    [("low", 3, 300, 15), ("medium", 5, 600, 21), ("high", 10, 1000, 31)],
)
def test_presets(preset, agents, trail, grid):
    config = VisualizationConfig.from_preset(preset)
    assert (config.preset, config.n_agents, config.trail_length, config.grid_size) == (
        preset,
        agents,
        trail,
        grid,
    )


def test_defaults_are_those_of_medium():
    assert VisualizationConfig() == VisualizationConfig.from_preset("medium")


def test_explicit_values_win_over_the_preset():
    config = VisualizationConfig.from_preset("high", n_agents=7)
    assert (config.n_agents, config.grid_size) == (7, PRESETS["high"]["grid_size"])


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
        ("size", "640x480"),
        ("nu_bar", math.nan),
        ("c_up", math.inf),
        ("c_low", -0.1),
        ("initial_relax", 1.5),
        ("relax_decay", "much"),
        ("system", "unicycle"),
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
        VisualizationConfig(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} accepts {accepts(name)}, got ")
    assert "\n" not in text
    assert len(text) < 200


@pytest.mark.parametrize("preset", ["", "MEDIUM", None, 3, ["low"]])
def test_unknown_presets_are_refused(preset):
    with pytest.raises(OptionError, match=r"^preset accepts low, medium or high, got"):
        VisualizationConfig.from_preset(preset)


def test_unknown_fields_are_refused():
    with pytest.raises(OptionError, match=r"^n_agent is not an option"):
        VisualizationConfig.from_preset(n_agent=3)


def test_impossible_combinations_are_refused():
    with pytest.raises(OptionError, match=r"^trail_length accepts at most"):
        VisualizationConfig(n_agents=100_000, trail_length=10_000)
    with pytest.raises(OptionError, match=r"^c_low accepts at most c_up"):
        VisualizationConfig(c_low=2.0, c_up=1.0)
    with pytest.raises(OptionError, match=r"^capture needs pictures"):
        VisualizationConfig(no_render=True, capture="x")


def test_the_longest_trail_that_is_named_is_accepted():
    with pytest.raises(OptionError) as caught:
        VisualizationConfig(n_agents=100_000, trail_length=10_000)
    longest = int(caught.value.reason.split("at most ")[1].split()[0])
    config = VisualizationConfig(n_agents=100_000, trail_length=longest)
    assert (config.n_agents + 1) * (config.trail_length + 1) <= MAX_TRAIL_RECORDS
    with pytest.raises(OptionError):
        VisualizationConfig(n_agents=100_000, trail_length=longest + 1)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_both_bounds_of_every_range_are_accepted_and_nothing_beyond(name):
    low, high = RANGES[name]

    def make(value):
        values = {"c_up": RANGES["c_up"][1]} | {name: (value, value) if name == "size" else value}
        if name == "c_up":
            values["c_low"] = 0.0
        return VisualizationConfig(**values)

    for value in (low, high):
        assert make(value) is not None
    for value in (low - 1, high + 1):
        with pytest.raises(OptionError):
            make(value)


def test_options_become_json():
    config = VisualizationConfig(run_dir="runs/a", size=[640, 480])
    plain = json.loads(json.dumps(config.as_dict()))
    assert sorted(plain) == sorted(FIELDS)
    assert plain["run_dir"] == "runs/a"
    assert VisualizationConfig(**plain) == config


@given(
    st.sampled_from(FIELDS),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers(), max_size=3)
    ),
)
def test_any_value_of_any_option_is_accepted_or_refused_in_one_line(name, value):
    try:
        config = VisualizationConfig(**{name: value})
    except OptionError as error:
        assert error.option == name or name in ("c_up", "c_low", "n_agents")
        assert len(str(error).splitlines()) == 1
    else:
        assert dataclasses.replace(config) == config
