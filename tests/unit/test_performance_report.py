"""Report and benchmark from made-up profiles whose medians, ratios and verdicts are known."""

import json
import random
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from calf_gpu.app.utils.performance_profiler import PerformanceProfiler
from tools import benchmark, performance_report
from tools.benchmark_data import DataError, Measurements, check_profile, figures, load_benchmark, summarize
from tools.report_scale import judge_scale
from tools.report_targets import change, judge, number

ROOT = Path(__file__).parents[2]


def profile(
    frame=20.0,
    tail=1.1,
    ui=0.2,
    ui_median=0.05,
    queries=10.0,
    draws=3.0,
    meshes=0.0,
    cpu_percent=100.0,
    **per_frame,
):
    """Return a profile of the given figures; 5 ms of the frame are rendering, the rest no section's."""
    result = PerformanceProfiler(warmup=0).as_dict()
    result["machine"] = {
        "system": "s",
        "cpu": "c",
        "cores": 2,
        "memory_mb": 1000,
        "python": "3",
        "renderer": "llvmpipe",
    }
    result["frames"] = 100
    result["fps"] = {"mean": 1e3 / frame, "median": 1e3 / frame, "p5": 900 / frame}
    result["frame_ms"] = {"median": frame, "p95": frame * tail}
    result["sections_ms"] = dict.fromkeys(result["sections_ms"], 0.0) | {"ui": ui, "render": 5.0}
    result["sections_median_ms"] = dict.fromkeys(result["sections_ms"], 0.0) | {"ui": ui_median}
    result["per_frame"] = {
        "critic_queries": queries + 100.0,  # training and swarm, the same in all variants
        "critic_queries_display": queries,
        "critic_rows": 20.0,
        "mesh_updates": meshes,
        "draw_calls": draws + 4.0,  # axes and HUD
        "world_draw_calls": draws,
        "upload_bytes": 320.0,
        **per_frame,
    }
    result["cpu_percent"], result["rss_mb"] = cpu_percent, 200.0
    return result


def run(variant, agents, number=0, **figures):
    return {"variant": variant, "agents": agents, "round": number, "profile": profile(**figures)}


def good_runs():
    """Return runs that meet every target exactly at its limit or better."""
    runs = []
    for round_, load in enumerate((1.0, 1.5, 1.2)):  # other load on the machine changes from round to round
        for agents in (5, 20, 30, 50):
            slow = {"frame": 125.0 * load, "queries": 20.0, "draws": 30.0, "meshes": 21.0, "ui": 2.4}
            runs += [
                run("baseline", agents, round_, ui_median=2.4, **slow),
                run("default", agents, round_, frame=25.0 * load, queries=6.0, ui=0.5, ui_median=0.1),
                run("gpu", agents, round_, frame=24.0 * load, queries=5.0, training_steps=1.0),
            ]
        runs.append(run("gpu_process", 20, round_, frame=25.0, tail=2.0, training_steps=3.125 / load))
        runs += [run("gpu_process", agents, round_, frame=25.0) for agents in (30, 50)]
        runs.append(run("gpu", 1000, round_, frame=124.0 * load))
    return runs


def verdict(runs, key, variant):
    return next(v for v in judge(Measurements(runs)) if (v.key, v.variant) == (key, variant))


def test_every_target_is_met_by_good_runs():
    verdicts = judge(Measurements(good_runs()))
    assert [v.title for v in verdicts if v.met is not True] == []
    assert len({(v.key, v.variant) for v in verdicts}) == len(verdicts) == 26


@pytest.mark.parametrize(
    ("key", "variant", "agents", "bad"),
    [
        ("fps", "default", 20, {"frame": 80.0}),
        ("fps_gpu", "gpu", 20, {"frame": 26.0}),
        ("frame_time", "default", 20, {"frame": 72.0}),
        ("critic_queries", "default", 20, {"queries": 6.1}),
        ("cpu_time", "gpu", 20, {"frame": 25.0, "cpu_percent": 260.0}),
        ("draw_calls", "default", 20, {"draws": 4.0}),
        ("mesh_updates", "default", 20, {"meshes": 0.01}),
        ("hud_idle", "default", 20, {"ui_median": 0.11}),
        ("hud_live", "gpu", 20, {"ui": 0.51}),
        ("thirty_agents", "default", 30, {"frame": 34.0}),
        ("fifty_agents", "gpu", 50, {"frame": 26.0}),
        ("thousand_agents", "gpu", 1000, {"frame": 126.0}),
        ("time_apart", "gpu_process", 20, {"frame": 25.1}),
        ("tail_apart", "gpu_process", 20, {"frame": 20.0, "tail": 2.01}),
        ("training_rate", "gpu_process", 20, {"frame": 25.0, "training_steps": 3.12}),
    ],
)
def test_a_target_just_missed_is_missed(key, variant, agents, bad):
    runs = [r for r in good_runs() if r["round"] == 0]
    runs = [r for r in runs if (r["variant"], r["agents"]) != (variant, agents)]
    runs.append(run(variant, agents, **bad))
    assert verdict(runs, key, variant).met is False
    assert verdict(good_runs(), key, variant).met is True


def scale_content(**changed):
    """Return a file of growth that meets every target exactly at its limit; ``name_agents=value`` changes a figure."""
    cells = {}
    for agents, frame in ((20, 16.7), (1000, 66.0), (10_000, 250.0), (100_000, 900.0)):
        figures = {"frame_ms": frame, "frame_ms_p95": 2 * frame, "python_ms": 2.0}
        cells[str(agents)] = {**figures, "upload_bytes": 32.0 * (agents + 1)}
    start = {"20": {"start_s": 3.0}}
    for key, value in changed.items():
        name, agents = key.rsplit("_", 1)
        (start if name == "start_s" else cells)[agents][name] = value
    return {
        "scale": 1,
        "machine": {"cpu": "c"},
        "options": {"threads": 1, "rounds": 3, "system": "point_mass"},
        "runs": [{"part": "draw", "agents": 20, "gl_renderer": "llvmpipe"}],
        "summary": {
            "draw": cells,
            "simulate": {"20": {"step_ms": 0.3, "steps_per_second": 3333.0}},
            "start": start,
        },
    }


def test_targets_of_growth_are_met_at_their_limits():
    verdicts = judge_scale(scale_content()["summary"])
    assert [v.met for v in verdicts] == [True] * 7
    assert {v.met for v in judge_scale({})} == {None}


@pytest.mark.parametrize(
    ("figure", "bad", "key"),
    [
        ("frame_ms_20", 16.8, "scale_frame_20"),
        ("frame_ms_p95_20", 33.5, "scale_tail_20"),
        ("frame_ms_1000", 66.1, "scale_frame_1000"),
        ("frame_ms_10000", 251.0, "scale_frame_10000"),
        ("python_ms_10000", 2.1, "scale_python_10000"),
        ("start_s_20", 3.01, "scale_start_20"),
        ("upload_bytes_100000", 3_200_048.0, "scale_upload"),
    ],
)
def test_a_target_of_growth_just_missed_is_missed(figure, bad, key):
    verdicts = judge_scale(scale_content(**{figure: bad})["summary"])
    assert next(v for v in verdicts if v.key == key).met is False


def test_growth_is_shown_with_its_chart(tmp_path):
    file = write_benchmark(tmp_path / "benchmark.json", good_runs())
    (tmp_path / "growth.json").write_text(json.dumps(scale_content()), encoding="utf-8")
    arguments = [str(file), "--out", str(tmp_path), "--scale", str(tmp_path / "growth.json")]
    assert performance_report.main(arguments) == 0
    report = (tmp_path / "performance_report.md").read_text(encoding="utf-8")
    assert "**33 targets met" in report
    assert "| 10,000 | 250 | 500 | – | 2.00 | 320,032 |" in report
    assert Image.open(tmp_path / "charts" / "scale.png").size[0] > 500


@pytest.mark.parametrize("content", ["[]", '{"scale": 2}', '{"scale": 1, "summary": []}', '{"scale": 1}'])
def test_a_file_that_is_no_growth_is_one_line(tmp_path, capsys, content):
    file = write_benchmark(tmp_path / "benchmark.json", good_runs())
    (tmp_path / "growth.json").write_text(content, encoding="utf-8")
    arguments = [str(file), "--out", str(tmp_path), "--scale", str(tmp_path / "growth.json")]
    assert performance_report.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "growth.json" in line


def test_targets_nothing_measured_are_neither_met_nor_missed():
    runs = [r for r in good_runs() if r["agents"] == 5]
    assert {v.met for v in judge(Measurements(runs))} == {None}


def test_ratios_are_taken_within_rounds():
    """A machine that slows down by rounds changes medians, not ratios."""
    rng = random.Random(1)
    runs, ratios = [], []
    for round_ in range(5):
        load, ratio = 3.0**round_, rng.uniform(2.0, 4.0)
        ratios.append(ratio)
        runs += [
            run("default", 20, round_, frame=10 * load),
            run("baseline", 20, round_, frame=10 * load * ratio),
        ]
    runs.append(run("default", 20, 5, frame=1.0))  # without a partner
    (entry,) = [e for e in summarize(runs) if e["variant"] == "default"]
    assert entry["ratio"]["fps"] == pytest.approx(statistics.median(ratios))
    assert entry["rounds"] == 6
    assert entry["spread"] == pytest.approx(810.0)


def test_figures_of_a_profile():
    found = figures(profile(frame=20.0, ui=0.5, cpu_percent=150.0))
    assert found["cpu_ms"] == pytest.approx(30.0)
    assert found["section.other"] == pytest.approx(14.5)
    assert found["section.render"] == 5.0
    assert found["section_median.ui"] == 0.05
    assert "gpu_ms" not in found
    assert "fps" not in figures(PerformanceProfiler().as_dict()), "no figures of a run without frames"


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.57, "−43 %"), (1.6, "+60 %"), (5.1, "×5.10"), (1.0, "+0 %"), (None, "–")]
)
def test_changes_read_as_people_say_them(ratio, text):
    assert change(ratio) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.0123, "0.012"), (0.5, "0.50"), (12.34, "12.3"), (1234.5, "1,234"), (None, "–")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def write_benchmark(path, runs, **options):
    content = {"benchmark": 1, "machine": {"cpu": "c"}, "options": {"rounds": 3, **options}, "runs": runs}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_the_same_measurements_give_the_same_bytes(tmp_path):
    file = write_benchmark(tmp_path / "benchmark.json", good_runs())
    for name in ("one", "two"):
        assert performance_report.main([str(file), "--out", str(tmp_path / name)]) == 0
    written = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert [str(path) for path in written] == [
        "01_BASELINE_METRICS.md",
        "charts/baseline_breakdown.png",
        "charts/breakdown.png",
        "charts/frame_time.png",
        "performance_report.md",
    ]
    for path in written:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes(), path
    for path in (tmp_path / "one" / "charts").iterdir():
        assert set(Image.open(path).info) <= {"dpi"}, "no versions or times in the file"


def test_documents_show_figures_and_link_their_charts(tmp_path):
    file = write_benchmark(tmp_path / "benchmark.json", good_runs())
    performance_report.main([str(file), "--out", str(tmp_path)])
    report = (tmp_path / "performance_report.md").read_text(encoding="utf-8")
    baseline = (tmp_path / "01_BASELINE_METRICS.md").read_text(encoding="utf-8")
    assert "**26 targets met, 0 missed, 0 not measured.**" in report
    assert "| Frames per second, 20 agents | default | 6.67 | +60 % at least | 33.3 (×5.00) | yes |" in report
    assert "150" in baseline
    assert "renderer llvmpipe" in baseline, "what the program says of its OpenGL context"
    for text in (report, baseline):
        for link in [part.split(")")[0] for part in text.split("](")[1:]]:
            assert (tmp_path / link).exists(), link
        widths = {(line.count("|"), line) for line in text.splitlines() if line.startswith("|")}
        assert all(count >= 3 for count, _ in widths)


def test_missed_targets_are_explained_and_failed_runs_listed(tmp_path):
    runs = [*good_runs(), {"variant": "gpu", "agents": 1000, "round": 0, "error": "exit code 1: no luck"}]
    runs = [r for r in runs if (r["variant"], r["agents"]) != ("default", 30)]
    runs.append(run("default", 30, frame=50.0))
    file = write_benchmark(tmp_path / "benchmark.json", runs)
    reasons = tmp_path / "reasons.toml"
    reasons.write_text('thirty_agents = "The moon was full."', encoding="utf-8")
    performance_report.main([str(file), "--out", str(tmp_path), "--reasons", str(reasons)])
    report = (tmp_path / "performance_report.md").read_text(encoding="utf-8")
    assert "**Frames per second, 30 agents** (default): 20.0. The moon was full." in report
    assert "The mean frame of `default` at 20 agents takes 30.0 ms: other 24.5 ms, render 5.00 ms" in report
    assert "- gpu, 1000 agents: exit code 1: no luck" in report


def test_rounds_of_different_files_are_not_paired(tmp_path):
    first = write_benchmark(tmp_path / "a.json", [run("baseline", 20, 0, frame=100.0)])
    second = write_benchmark(tmp_path / "b.json", [run("default", 20, 0, frame=10.0)])
    measured = Measurements(performance_report.merge([load_benchmark(first), load_benchmark(second)]))
    assert measured.ratio(("default", 20), ("baseline", 20), "fps") is None
    assert measured.median(("default", 20), "fps") == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("[]", 'not a benchmark: "benchmark" must be 1'),
        ('{"benchmark": 1}', '"runs" must be a list'),
        ('{"benchmark": 1, "runs": [{}]}', "run 0 needs variant, agents and round"),
        ('{"benchmark": 1, "runs": []}', "no successful run"),
        (
            '{"benchmark": 1, "runs": [{"variant": "gpu", "agents": 5, "round": 0, "profile": {}}]}',
            "run 0: not a profile: $:",
        ),
    ],
)
def test_unusable_files_end_in_one_line(tmp_path, capsys, content, message):
    file = tmp_path / "benchmark.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert performance_report.main([str(file), "--out", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(file) in line
    assert message in line
    assert not (tmp_path / "performance_report.md").exists()


def test_files_of_different_machines_are_not_mixed(tmp_path):
    first = write_benchmark(tmp_path / "a.json", good_runs())
    second = write_benchmark(tmp_path / "b.json", good_runs())
    second.write_text(second.read_text().replace('{"cpu": "c"}', '{"cpu": "d"}'), encoding="utf-8")
    with pytest.raises(DataError, match="another machine"):
        performance_report.write_report([first, second], {}, tmp_path)


def test_the_profile_made_here_is_a_valid_one():
    check_profile(profile(), "the test's profile")


def test_plan_alternates_variants_and_rotates_the_first():
    runs = list(benchmark.plan(["a", "b", "c"], [5, 20], 2))
    assert [(r.round, r.agents, r.variant) for r in runs] == [
        *[(0, n, v) for n in (5, 20) for v in "abc"],
        *[(1, n, v) for n in (5, 20) for v in "bca"],
    ]


@pytest.mark.parametrize(("agents", "frames"), [(3, 300), (100, 300), (1000, 30), (200, 150)])
def test_large_swarms_are_measured_over_fewer_frames(agents, frames):
    assert benchmark.counted_frames(300, agents) == frames


STUB = """
import json, os, sys
args = sys.argv[1:]
value = lambda flag: args[args.index(flag) + 1]
if "--no-render" in args:
    os.makedirs(value("--run-dir"))
    open(value("--run-dir") + "/checkpoint", "w").write(value("--episodes"))
    sys.exit()
if open(value("--run-dir") + "/checkpoint").read() != "3" or "--resume" not in args:
    sys.exit("nothing to resume")
if "--gpu-heights" in args:
    sys.exit("this machine has no GPU")
profile = json.loads({profile!r})
profile["config"] = {{"args": args, "profile": value("--profile"), "run_dir": value("--run-dir")}}
profile["frames"] = int(value("--frames")) - 50
if "--baseline" not in args:
    profile["frame_ms"]["median"] = 5.0
with open(value("--profile"), "w") as file:
    json.dump(profile, file)
"""


def test_benchmark_runs_a_program_and_the_report_reads_it(tmp_path):
    stub = tmp_path / "stub.py"
    stub.write_text(STUB.format(profile=json.dumps(profile())), encoding="utf-8")
    out = tmp_path / "new" / "benchmark.json"
    command = [sys.executable, str(ROOT / "tools" / "benchmark.py"), "--quick", "--agents", "20"]
    command += ["--program", str(stub), "--out", str(out), "--extra=--q-action zero", "--episodes", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 1, "a failed run is told"
    assert "this machine has no GPU" in done.stderr
    assert "[3/3]" in done.stderr
    content = load_benchmark(out)
    base, default, gpu = content["runs"]
    assert base["profile"]["frames"] == 100
    assert base["profile"]["config"]["args"][7:9] == ["--n-agents", "20"]
    assert base["profile"]["config"]["args"][-2:] == ["--q-action", "zero"]
    assert base["profile"]["config"].keys() == {"args"}, "paths of temporary folders do not stay"
    assert default["profile"]["frame_ms"]["median"] == 5.0
    assert gpu["error"] == "exit code 1: this machine has no GPU"
    assert performance_report.main([str(out), "--out", str(tmp_path)]) == 0


def test_benchmark_variants_are_options_the_program_accepts():
    from calf_gpu.app.config.options import parse_options

    heights_trails_stats = {
        name: (lambda c: (c.view.heights, c.view.trails, c.view.stats))(parse_options(options.split()))
        for name, options in benchmark.VARIANTS.items()
    }
    assert heights_trails_stats == {
        "baseline": ("loop", "per_agent", "every_frame"),
        "heights": ("numpy", "per_agent", "every_frame"),
        "trails": ("loop", "ring", "every_frame"),
        "stats": ("loop", "per_agent", "cached"),
        "default": ("numpy", "ring", "cached"),
        "gpu": ("gpu", "ring", "cached"),
        "default_process": ("numpy", "ring", "cached"),
        "gpu_process": ("gpu", "ring", "cached"),
    }
