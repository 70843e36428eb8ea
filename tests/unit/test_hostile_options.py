"""The whole space of options: whatever stands on the command line or in the file, a configuration or one line."""

from __future__ import annotations

import json
from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.config.options import UsageError, parse_options
from calf_gpu.app.config.visualization_config import RANGES, ROOM_OF, ROOMS, OptionError, VisualizationConfig

FIELDS = list(ROOM_OF)
HOSTILE_NUMBERS = [0, -1, 1, 10**9, 10**30, -(2**63), 2**63, 0.5, -0.0, 1e308, 5e-324]
NUMBERS = st.one_of(
    st.sampled_from([*HOSTILE_NUMBERS, float("nan"), float("inf"), float("-inf")]), st.integers(), st.floats()
)
WORDS = st.one_of(
    st.sampled_from(["", " ", "nan", "inf", "-inf", "1e999", "0x0", "100000x100000", "9" * 5000, "true", "..", "\0",
                     "gpu", "medium", "point_mass", "calf", "[]", "1_0", "٣", "--", "/dev/null", "~"]),
    st.text(max_size=12),
    NUMBERS.map(str),
)  # fmt: skip
VALUES = st.one_of(NUMBERS, st.booleans(), WORDS, st.none(), st.lists(NUMBERS, max_size=3), st.just({"a": 1}))


def check(config: VisualizationConfig) -> None:
    """Whatever is accepted is within its range and can be written as JSON."""
    values = config.as_dict()
    for name, (low, high) in RANGES.items():
        for number in values[name] if isinstance(values[name], list) else (values[name],):
            assert number is None or (isfinite(number) and low <= number <= high), name
    assert (values["n_agents"] + 1) * (values["trail_length"] + 1) <= 2**27
    assert VisualizationConfig.of(**json.loads(json.dumps(values, allow_nan=False))) == config


def refused(error: Exception) -> None:
    assert str(error)
    assert len(str(error).splitlines()) == 1
    assert len(str(error)) < 10_000


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=4))
def test_any_values_make_a_configuration_or_name_the_option(values):
    try:
        config = VisualizationConfig.of(**values)
    except OptionError as error:
        refused(error)
        assert error.option in FIELDS
    else:
        check(config)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(FIELDS), WORDS), min_size=1, max_size=3))
def test_any_flags_make_a_configuration_or_one_line(flags):
    words = [part for name, word in flags for part in ("--" + name.replace("_", "-"), word)]
    if {"-h", "--help"} & set(words):
        return
    try:
        config = parse_options(words)
    except UsageError as error:
        refused(error)
    else:
        check(config)


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, dict):
        return "{a = 1}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)


@settings(max_examples=150, deadline=None)
@given(
    values=st.dictionaries(
        st.sampled_from([*FIELDS, *ROOMS, "unknown", "config", "n-agents", "gpu-heights"]), VALUES, max_size=3
    )
)
def test_any_file_makes_a_configuration_or_one_line(tmp_path_factory, values):
    file = tmp_path_factory.mktemp("options") / "options.toml"
    text = "".join(f"{name} = {toml(value)}\n" for name, value in values.items())
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        config = parse_options(["--config", str(file)])
    except UsageError as error:
        refused(error)
        assert str(file) in str(error)
    else:
        check(config)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_as_a_file_make_a_configuration_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("options") / "options.toml"
    file.write_bytes(content)
    try:
        check(parse_options(["--config", str(file)]))
    except UsageError as error:
        refused(error)
