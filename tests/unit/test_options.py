"""The command line: flags over file over preset, and one line for whatever cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from calf_gpu.app.config.options import MAX_FILE_BYTES, UsageError, parse_options
from calf_gpu.app.config.visualization_config import VisualizationConfig
from hypothesis import given, settings
from hypothesis import strategies as st

FLAGS = ["--" + name.replace("_", "-") for name in VisualizationConfig.__dataclass_fields__]


def toml(folder: Path, text: str | bytes) -> str:
    path = folder / "options.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_no_flags_give_the_defaults():
    assert parse_options([]) == VisualizationConfig()


def test_flags_of_every_type():
    line = (
        "--system differential_drive --n-agents 20 --nu-bar 0.5 --size 640x480 --offscreen --no-show-grid "
        "--run-dir=out --frames 9 --colormap magma"
    )
    config = parse_options(line.split())
    assert (config.system, config.n_agents, config.nu_bar, config.size) == (
        "differential_drive",
        20,
        0.5,
        (640, 480),
    )
    assert (config.offscreen, config.show_grid, config.run_dir, config.frames, config.colormap) == (
        True,
        False,
        Path("out"),
        9,
        "magma",
    )


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = toml(
        tmp_path, 'preset = "high"\nn-agents = 7\ngrid_size = 9\nsize = "640x480"\noffscreen = true\n'
    )
    config = parse_options(["--config", file, "--n-agents", "8", "--no-offscreen"])
    assert (config.n_agents, config.grid_size, config.trail_length) == (8, 9, 1000)
    assert (config.size, config.offscreen) == ((640, 480), False)
    assert parse_options(["--config", file, "--preset", "low"]).trail_length == 300


def test_shorthands():
    assert parse_options(["--gpu-heights"]).heights == "gpu"
    baseline = parse_options(["--baseline"])
    assert (baseline.heights, baseline.trails, baseline.stats) == ("loop", "per_agent", "every_frame")
    assert baseline.training == "inline"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--n-agents 0", "--n-agents accepts an integer from 1 to 100000, got 0"),
        ("--n-agents many", "--n-agents accepts an integer from 1 to 100000, got 'many'"),
        ("--n-agents", "--n-agents accepts an integer from 1 to 100000, got ''"),
        ("--n-agents 3 4", "--n-agents accepts an integer from 1 to 100000, got '3 4'"),
        ("--seed -1", "--seed accepts an integer from 0 to 4294967295, got -1"),
        ("--nu-bar nan", "--nu-bar accepts a number from 0 to 1000000, got nan"),
        ("--size 0x0", "--size accepts WIDTHxHEIGHT, each from 64 to 8192, got 0x0"),
        ("--size 12", "--size accepts WIDTHxHEIGHT, each from 64 to 8192, got '12'"),
        ("--preset huge", "--preset accepts low, medium or high, got 'huge'"),
        (
            "--system unicycle",
            "--system accepts point_mass, differential_drive, pendulum or turtlebot, got 'unicycle'",
        ),
        (
            "--offscreen=maybe",
            "--offscreen accepts no value, got 'maybe'; write --offscreen or --no-offscreen",
        ),
        ("--n-agent 3", "--n-agent is not an option; --help lists them"),
        ("somewhere", "somewhere is not an option; --help lists them"),
        ("--gpu-heights --baseline", "--gpu-heights and --baseline exclude each other"),
        ("--no-render --capture x", "--capture needs pictures, so it cannot be used with no_render"),
    ],
)
def test_mistakes_on_the_command_line(line, message):
    with pytest.raises(UsageError) as caught:
        parse_options(line.split())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('n_agents = "many"', "n_agents accepts an integer from 1 to 100000, got 'many'"),
        ("n_agents = true", "n_agents accepts an integer"),
        ("nu_bar = nan", "nu_bar accepts a number from 0 to 1000000, got nan"),
        ("n_agent = 3", "'n_agent' is not an option"),
        ("[calf]\nnu_bar = 1.0", "'calf' is not an option"),
        ("preset = 3", "preset accepts low, medium or high, got 3"),
        ("n_agents =", "not a TOML file"),
        (b"\xff\xfe", "not a TOML file"),
        ("a = " + "[" * 100_000, "not a TOML file"),
        ("#" * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
def test_mistakes_in_the_file(tmp_path, text, message):
    file = toml(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        parse_options(["--config", file])
    assert f"--config {file}: {message}" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("path", ["missing.toml", ".", "", "/dev/zero"])
def test_files_that_are_none(path):
    with pytest.raises(UsageError, match="no such file"):
        parse_options(["--config", path])


@pytest.mark.parametrize("key", ["n-agents", "preset", "gpu-heights", "seed", "run-dir", "size"])
@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000, "[0x" + "f" * 5000 + "]"])
def test_numbers_of_thousands_of_digits_in_the_file_are_one_line(tmp_path, key, number):
    (tmp_path / "file.toml").write_text(f"{key} = {number}")
    with pytest.raises(UsageError) as caught:
        parse_options(["--config", str(tmp_path / "file.toml")])
    assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("flag", "value", "accepted"),
    [
        ("--profile", ".", "the path of a file"),
        ("--profile", "..", "the path of a file"),
        ("--profile", "out/", "the path of a file"),
        ("--run-dir", "a\udcff", "a path"),
        ("--capture", "a\udcff", "a path"),
    ],
)
def test_what_can_be_no_file_is_refused(flag, value, accepted):
    with pytest.raises(UsageError, match=f"^{flag} accepts {accepted}, got"):
        parse_options([flag, value])


def test_help_lists_every_option(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    for flag in [*FLAGS, "--config", "--gpu-heights", "--baseline"]:
        assert flag in text


WORDS = st.one_of(
    st.sampled_from([*FLAGS, "--config", "--gpu-heights", "--baseline", "--", "-x", "--no-offscreen"]),
    st.sampled_from(["3", "-1", "1e300", "nan", "gpu", "medium", "640x480", "0x0", "", "true", "--x=y", "ν̄"]),
    st.text(max_size=8).filter(lambda word: word not in ("-h", "--help")),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, max_size=5))
def test_any_command_line_is_read_or_refused_in_one_line(words):
    try:
        config = parse_options(words)
    except UsageError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error)
    else:
        assert isinstance(config, VisualizationConfig)


def test_shorthands_may_stand_in_the_file(tmp_path):
    file = tmp_path / "calf.toml"
    file.write_text("gpu-heights = true\nbaseline = false\n")
    assert parse_options(["--config", str(file)]).heights == "gpu"
    assert parse_options(["--config", str(file), "--heights", "loop"]).heights == "loop"
    file.write_text("baseline = true\n")
    config = parse_options(["--config", str(file)])
    assert (config.heights, config.trails, config.stats) == ("loop", "per_agent", "every_frame")
    for text, reason in (
        ("baseline = 1", "accepts true or false"),
        ("baseline = true\ngpu_heights = true", "exclude"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=reason):
            parse_options(["--config", str(file)])
