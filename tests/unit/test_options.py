"""The command line: flags over file over preset, and one line for whatever cannot be read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calf_gpu.app.config.config_file import MAX_FILE_BYTES
from calf_gpu.app.config.options import UsageError, parse_options
from calf_gpu.app.config.rules import Choice, Colormap, Integer, Integers, Number, PathTo, Size, Switch
from calf_gpu.app.config.visualization_config import ROOM_OF, RULES, OptionError, VisualizationConfig

ROOT = Path(__file__).parents[2]
FLAGS = ["--" + name.replace("_", "-") for name in ROOM_OF]


def toml(folder: Path, text: str | bytes) -> str:
    path = folder / "options.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_no_flags_give_the_defaults():
    assert parse_options([]) == VisualizationConfig()


def test_flags_of_every_type():
    line = (
        "--system differential_drive --n-agents 20 --nu-bar 0.5 --size 640x480 --offscreen --no-show-grid "
        "--run-dir=out --frames 9 --colormap magma --hidden-layers 32,16 --learning_rate 3e-4 --no-render"
    )
    given = {
        "system": "differential_drive",
        "n_agents": 20,
        "nu_bar": 0.5,
        "size": (640, 480),
        "offscreen": True,
        "show_grid": False,
        "run_dir": Path("out"),
        "frames": 9,
        "colormap": "magma",
        "hidden_layers": (32, 16),
        "learning_rate": 3e-4,
        "no_render": True,
    }
    assert parse_options(line.split()) == VisualizationConfig.of(**given)
    assert parse_options(["--hidden-layers", "32", "16"]).learn.hidden_layers == (32, 16)
    assert parse_options(["--hidden-layers", "8"]).learn.hidden_layers == (8,)


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    file = toml(
        tmp_path, 'preset = "high"\nn-agents = 7\ngrid_size = 9\nsize = "640x480"\noffscreen = true\n'
    )
    config = parse_options(["--config", file, "--n-agents", "8", "--no-offscreen"])
    assert (config.run.n_agents, config.run.grid_size, config.view.trail_length) == (8, 9, 1000)
    assert (config.view.size, config.view.offscreen) == ((640, 480), False)
    assert parse_options(["--config", file, "--preset", "low"]).view.trail_length == 300


def test_tables_of_the_file_are_rooms(tmp_path):
    text = """
    seed = 3
    view.preset = "low"
    [learn]
    learning-rate = 0.01
    hidden_layers = [8, 8]
    [calf]
    nu_bar = 1
    [run]
    no-render = true
    """
    given = {
        "seed": 3,
        "preset": "low",
        "learning_rate": 0.01,
        "hidden_layers": (8, 8),
        "nu_bar": 1.0,
        "no_render": True,
    }
    assert parse_options(["--config", toml(tmp_path, text)]) == VisualizationConfig.of(**given)


VALUES = {
    Choice: lambda rule: st.sampled_from(rule.names),
    Switch: lambda rule: st.booleans(),
    Integer: lambda rule: st.integers(rule.low, rule.high),
    Number: lambda rule: st.floats(rule.low, rule.high),
    Size: lambda rule: st.tuples(*[st.integers(rule.low, rule.high)] * 2),
    Integers: lambda rule: st.lists(st.integers(rule.low, rule.high), min_size=1, max_size=rule.most),
    Colormap: lambda rule: st.sampled_from(["viridis", "magma", "coolwarm"]),
}
TEXTS = st.text(
    st.characters(min_codepoint=32, max_codepoint=1000, exclude_categories=["C"]), min_size=1, max_size=20
)


@settings(max_examples=150, deadline=None)
@given(option=st.sampled_from(list(ROOM_OF)), data=st.data(), dashes=st.booleans())
def test_flag_file_and_table_give_the_same(tmp_path_factory, option, data, dashes):
    rule = RULES[option]
    value = data.draw(VALUES.get(type(rule), lambda rule: TEXTS)(rule))
    try:
        expected = VisualizationConfig.of(**{option: value})
    except OptionError:
        assume(False)
    key = option.replace("_", "-") if dashes else option
    if isinstance(rule, Switch):
        flags = [f"--{key}"] if value else [f"--no-{key}"] if not option.startswith("no_") else []
    else:
        flags = [f"--{key}={rule.written(value)}"]
    line = f"{key} = {json.dumps(str(value) if isinstance(rule, PathTo) else value, ensure_ascii=False)}"
    folder = tmp_path_factory.mktemp("options")
    assert parse_options(flags) == expected
    assert parse_options(["--config", toml(folder, line)]) == expected
    assert parse_options(["--config", toml(folder, f"[{ROOM_OF[option]}]\n{line}")]) == expected


def test_shorthands():
    assert parse_options(["--gpu-heights"]).view.heights == "gpu"
    baseline = parse_options(["--baseline"])
    assert (
        baseline.view == VisualizationConfig.of(heights="loop", trails="per_agent", stats="every_frame").view
    )
    assert baseline.run.training == "inline"
    assert parse_options(["--baseline", "--heights", "numpy"]).view.heights == "numpy"


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
        ("--system", "--system accepts the name of a system or module:Class, got ''"),
        ("--hidden-layers 64,x", "--hidden-layers accepts 1 to 8 integers, each from 1 to 4096, got '64,x'"),
        ("--learning-rate 2", "--learning-rate accepts a number from 1e-08 to 1, got 2.0"),
        ("--trail-upload fbo", "--trail-upload accepts auto, partial or whole, got 'fbo'"),
        (
            "--offscreen=maybe",
            "--offscreen accepts no value, got 'maybe'; write --offscreen or --no-offscreen",
        ),
        ("--no-show-grid=1", "--no-show-grid accepts no value, got '1'; write --no-show-grid"),
        ("--no-render=1", "--no-render accepts no value, got '1'; write --no-render"),
        ("--baseline=1", "--baseline accepts no value, got '1'; write --baseline"),
        ("--no-no-render", "--no-no-render is not an option; --help lists them"),
        ("--n-agents 3 --n_agents 4", "--n-agents and --n_agents are the same option; give it once"),
        (
            "--no_show-grid --no-show-grid",
            "--no_show-grid and --no-show-grid are the same option; give it once",
        ),
        ("--run.n-agents 3", "--run.n-agents is not an option; --help lists them"),
        ("--n-agent 3", "--n-agent is not an option; --help lists them"),
        ("somewhere", "somewhere is not an option; --help lists them"),
        ("--gpu-heights --baseline", "--gpu-heights and --baseline exclude each other"),
        (
            "--gpu-heights --trails per_agent",
            "--heights accepts loop or numpy where trails is per_agent, got 'gpu'",
        ),
        ("--buffer-size 100 --batch-size 128", "--batch-size accepts at most buffer_size = 100, got 128"),
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
        (
            "[calfs]\nnu_bar = 1.0",
            "[calfs] is no table; accepted are [run], [learn], [calf], [view], [export]",
        ),
        ('["a\\nb"]\nnu_bar = 1.0', "['a\\nb'] is no table; accepted are"),
        ("[calf]\nnu_bars = 1.0", "[calf] 'nu_bars' is not an option"),
        ("[run]\nnu-bar = 1.0", "[run] nu-bar belongs in [calf]"),
        ("[view]\ngpu-heights = true", "[view] gpu-heights belongs outside of tables"),
        ("calf = 3", "calf accepts a table of options, [calf], got 3"),
        ("[[calf]]\nnu_bar = 1.0", "calf accepts a table of options, [calf], got [{'nu_bar': 1.0}]"),
        ("[calf.nu_bar]\na = 1", "nu_bar accepts a number from 0 to 1000000, got {'a': 1}"),
        ("[nu_bar]\na = 1", "nu_bar accepts a number from 0 to 1000000, got {'a': 1}"),
        ("n_agents = 3\nn-agents = 3", "n_agents and n-agents are the same option; give it once"),
        ("nu_bar = 3\n[calf]\nnu-bar = 3", "nu_bar and [calf] nu-bar are the same option; give it once"),
        ("baseline = false\n[view]\nbaseline = 1", "[view] baseline belongs outside of tables"),
        ("config = 'x'", "'config' is not an option"),
        ("c_low = 5000\nc_up = 1000", "c_low accepts at most c_up = 1000, got 5000"),
        (
            "hidden_layers = '64,64'",
            "hidden_layers accepts 1 to 8 integers, each from 1 to 4096, got '64,64'",
        ),
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


def test_help_lists_every_option_by_room_with_what_it_accepts(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as caught:
        parse_options(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: calf-gpu ")
    for flag in [*FLAGS, "--config", "--gpu-heights", "--baseline"]:
        assert flag in text
    assert "--no-show-grid" in text and "--no-no-render" not in text and "--no-baseline" not in text
    rooms = [text.index(f" {room} options ") for room in ("run", "learn", "calf", "view", "export")]
    assert rooms == sorted(rooms)
    assert rooms[1] < text.index("--hidden-layers") < rooms[2] < text.index("--nu-bar") < rooms[3]
    text = " ".join(text.replace("│", " ").split())
    assert (
        "Agents of the swarm, the training agent not counted. (an integer from 1 to 100000; default: 5)"
        in text
    )
    assert "default: 1280x720)" in text and "default: 0.1)" in text
    assert (
        "Transitions per gradient step; training begins when the buffer holds as many. (an integer from"
        in text
    )


def test_help_that_nobody_reads_to_its_end_says_nothing():
    code = "from calf_gpu.app.config.options import parse_options\nparse_options(['--help'])"
    program = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stdout.close()
    assert program.stderr.read() == b""
    assert program.wait() == 1


def test_completions_for_an_unknown_shell_are_refused_in_one_line():
    with pytest.raises(UsageError, match=r"^--tyro-print-completion: .*bash.*") as caught:
        parse_options(["--tyro-print-completion", "nonsense"])
    assert len(str(caught.value).splitlines()) == 1


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
    assert parse_options(["--config", str(file)]).view.heights == "gpu"
    assert parse_options(["--config", str(file), "--heights", "loop"]).view.heights == "loop"
    file.write_text("baseline = true\n")
    view = parse_options(["--config", str(file)]).view
    assert (view.heights, view.trails, view.stats) == ("loop", "per_agent", "every_frame")
    for text, reason in (
        ("baseline = 1", "accepts true or false"),
        ("baseline = true\ngpu_heights = true", "exclude"),
    ):
        file.write_text(text)
        with pytest.raises(UsageError, match=reason):
            parse_options(["--config", str(file)])
