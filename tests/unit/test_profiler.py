"""The profiler against a scripted clock and a plain model of nested sections."""

import csv
import json
import math
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calf_gpu.app.utils import performance_profiler
from calf_gpu.app.utils.performance_profiler import COUNTERS, SECTIONS, PerformanceProfiler

SCHEMA = json.loads((Path(__file__).parents[2] / "tools" / "profile.schema.json").read_text(encoding="utf-8"))


class Clock:
    """Time that passes only when told; CPU time passes at half its speed."""

    def __init__(self):
        self.now = 100.0

    def work(self, milliseconds):
        self.now += milliseconds / 1e3


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(performance_profiler, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(performance_profiler, "process_time", lambda: 7.0 + clock.now / 2)
    return clock


def run_frames(profiler, clock, frames_ms):
    for milliseconds in frames_ms:
        clock.work(milliseconds)
        profiler.end_frame()


def test_nested_sections_report_self_time(clock):
    profiler = PerformanceProfiler(warmup=0)
    with profiler.section("render"):
        clock.work(3)
        with profiler.section("trails"):
            clock.work(5)
            with profiler.section("agents"):
                clock.work(7)
        with profiler.section("trails"):
            clock.work(11)
        clock.work(2)
    clock.work(4)
    profiler.end_frame()
    sections = profiler.as_dict()["sections_ms"]
    assert sections["render"] == pytest.approx(5)
    assert sections["trails"] == pytest.approx(16)
    assert sections["agents"] == pytest.approx(7)
    assert profiler.as_dict()["frame_ms"]["median"] == pytest.approx(32)


def test_section_opened_inside_itself_counts_each_moment_once(clock):
    profiler = PerformanceProfiler(warmup=0)
    with profiler.section("swarm"):
        clock.work(1)
        with profiler.section("swarm"):
            clock.work(10)
        clock.work(100)
    profiler.end_frame()
    assert profiler.as_dict()["sections_ms"]["swarm"] == pytest.approx(111)


# A tree of work: either milliseconds, or a section's name with what happens inside it.
TREES = st.recursive(
    st.integers(0, 50),
    lambda inner: st.tuples(st.sampled_from(SECTIONS), st.lists(inner, max_size=4)),
    max_leaves=25,
)


@given(frames=st.lists(st.lists(TREES, max_size=4), min_size=1, max_size=5))
def test_any_nesting_equals_a_plain_model(frames):
    clock = Clock()
    expected = dict.fromkeys(SECTIONS, 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(performance_profiler, "perf_counter", lambda: clock.now)
        profiler = PerformanceProfiler(warmup=0)

        def perform(node, owner):
            if isinstance(node, int):
                clock.work(node)
                if owner:
                    expected[owner] += node
                return
            name, children = node
            with profiler.section(name):
                for child in children:
                    perform(child, name)

        for frame in frames:
            for node in frame:
                perform(node, None)
            clock.work(1)
            profiler.end_frame()
        profile = profiler.as_dict()
    measured = {name: profile["sections_ms"][name] * len(frames) for name in SECTIONS}
    assert measured == pytest.approx(expected, abs=1e-6)
    assert sum(profile["sections_ms"].values()) <= 1e3 / profile["fps"]["mean"] + 1e-6


def test_a_section_left_by_an_error_is_closed(clock):
    profiler = PerformanceProfiler(warmup=0)
    with pytest.raises(KeyError), profiler.section("ui"), profiler.section("swarm"):
        clock.work(3)
        raise KeyError
    with profiler.section("render"):
        clock.work(5)
    profiler.end_frame()
    sections = profiler.as_dict()["sections_ms"]
    assert (sections["swarm"], sections["ui"], sections["render"]) == pytest.approx((3, 0, 5))


def test_frame_figures(clock):
    profiler = PerformanceProfiler(warmup=0)
    run_frames(profiler, clock, range(1, 101))
    profile = profiler.as_dict()
    assert profile["frames"] == 100
    assert profile["frame_ms"] == pytest.approx({"median": 50.5, "p95": 95.05})
    assert profile["fps"] == pytest.approx({"mean": 1e3 / 50.5, "median": 1e3 / 50.5, "p5": 1e3 / 95.05})
    assert profile["cpu_percent"] == pytest.approx(50)


def test_the_first_fifty_frames_are_not_counted(clock):
    profiler = PerformanceProfiler()
    for frame in range(60):
        profiler.count("draw_calls", 1000 if frame < 50 else 3)
        with profiler.section("training"):
            clock.work(500 if frame < 50 else 2)
        profiler.end_frame()
    profile = profiler.as_dict()
    assert profile["frames"] == profiler.frames == 10
    assert profile["per_frame"]["draw_calls"] == 3
    assert profile["sections_ms"]["training"] == pytest.approx(2)
    assert profile["frame_ms"]["p95"] == pytest.approx(2)


def test_counters_are_means_over_counted_frames(clock):
    profiler = PerformanceProfiler(warmup=0)
    for frame in range(4):
        clock.work(1)
        profiler.count("critic_queries")
        profiler.count("critic_rows", 20)
        if frame == 3:
            profiler.count("grid_uploads", 8)
        profiler.end_frame()
    per_frame = profiler.as_dict()["per_frame"]
    assert per_frame["critic_queries"] == 1
    assert per_frame["critic_rows"] == 20
    assert per_frame["grid_uploads"] == 2, "a counter seen late is zero in the frames before"
    assert per_frame["mesh_updates"] == 0


def test_off_measures_nothing_and_on_skips_the_frame_it_came_in(clock):
    profiler = PerformanceProfiler(enabled=False, warmup=0)
    with profiler.section("ui"):
        profiler.enabled = True
    profiler.enabled = False
    profiler.count("draw_calls")
    run_frames(profiler, clock, [900, 900])
    assert profiler.frames == 0
    profiler.enabled = True
    run_frames(profiler, clock, [1, 5])
    assert profiler.as_dict()["frame_ms"]["median"] == pytest.approx(5)
    assert profiler.as_dict()["per_frame"]["draw_calls"] == 0


def test_reset_forgets_everything_and_counts_whole_frames_only(clock):
    profiler = PerformanceProfiler(warmup=2)
    run_frames(profiler, clock, [50, 50, 50])
    profiler.count("old_counter")
    run_frames(profiler, clock, [50])
    assert "old_counter" in profiler.as_dict()["per_frame"]
    with profiler.section("ui"):
        clock.work(40)
        profiler.reset()
        clock.work(1)
    run_frames(profiler, clock, [1, 8, 8])
    profile = profiler.as_dict()
    assert profile["frames"] == 2
    assert profile["frame_ms"]["p95"] == pytest.approx(8)
    assert profile["sections_ms"]["ui"] == 0
    assert "old_counter" not in profile["per_frame"]


def test_reset_inside_a_section_clips_it_at_the_reset(clock):
    profiler = PerformanceProfiler(warmup=0)
    with profiler.section("ui"):
        clock.work(40)
        profiler.reset()
        profiler.end_frame()
        clock.work(3)
    profiler.end_frame()
    assert profiler.as_dict()["sections_ms"]["ui"] == pytest.approx(3)


def test_long_runs_report_their_last_frames(clock):
    profiler = PerformanceProfiler(warmup=0, history=10)
    profiler.count("draw_calls", 100)
    run_frames(profiler, clock, range(1, 26))
    profile = profiler.as_dict()
    assert profile["per_frame"]["draw_calls"] == 0
    assert profile["frames"] == 10
    assert profile["frame_ms"]["median"] == pytest.approx(20.5)


def test_gpu_time_only_of_the_frames_whose_query_answered(clock):
    profiler = PerformanceProfiler(warmup=0)
    run_frames(profiler, clock, [5])
    assert "gpu_ms" not in profiler.as_dict()
    profiler.add_gpu_time(2.5)
    run_frames(profiler, clock, [5, 5])
    assert profiler.as_dict()["gpu_ms"] == {"median": 2.5, "p95": 2.5}


@pytest.mark.parametrize("frames", [0, 1, 3])
def test_json_satisfies_the_schema(tmp_path, frames):
    profiler = PerformanceProfiler(warmup=0, config={"n_agents": 20}, machine={"renderer": "llvmpipe"})
    for _ in range(frames):
        with profiler.section("extra"):
            profiler.count("critic_queries")
            profiler.add_gpu_time(1.0)
        profiler.end_frame()
    profiler.write_json(tmp_path / "new" / "profile.json")
    profile = json.loads((tmp_path / "new" / "profile.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(profile, SCHEMA)
    assert profile["config"] == {"n_agents": 20}
    assert profile["machine"]["renderer"] == "llvmpipe"
    assert set(SECTIONS) <= set(profile["sections_ms"])
    assert set(COUNTERS) <= set(profile["per_frame"])
    assert (profile["fps"]["mean"] is None) == (frames == 0)


def test_schema_refuses_missing_and_unknown_keys():
    profile = PerformanceProfiler(warmup=0).as_dict()
    jsonschema.validate(profile, SCHEMA)
    for broken in ({**profile, "fpss": 1}, {k: v for k, v in profile.items() if k != "per_frame"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA)


def test_csv_has_one_row_a_frame(tmp_path, clock):
    profiler = PerformanceProfiler(warmup=1)
    for milliseconds in (9, 2, 4):
        with profiler.section("swarm"):
            clock.work(milliseconds)
        profiler.count("draw_calls", milliseconds)
        profiler.end_frame()
    json_path, csv_path = profiler.write(tmp_path / "profile.json")
    assert json_path.exists()
    with csv_path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == [0, 1]
    assert [float(row["section.swarm"]) for row in rows] == pytest.approx([2, 4])
    assert [float(row["count.draw_calls"]) for row in rows] == [2, 4]


def test_table_shows_the_newest_frames_and_switches_measuring(clock):
    profiler = PerformanceProfiler(enabled=False, warmup=0)
    assert profiler.toggle_table()
    assert profiler.enabled
    assert "warm-up" in profiler.table_rows()[0][1]
    run_frames(profiler, clock, [1, 500, 500])
    with profiler.section("ui"):
        clock.work(4)
    run_frames(profiler, clock, [6, 10])
    rows = dict(profiler.table_rows(last=2))
    assert rows["frame"].startswith("10.00 ms")
    assert rows["ui"] == "2.00 ms  20 %"
    assert rows["CPU"] == "50 %"
    assert not profiler.toggle_table()
    assert not profiler.enabled, "hiding the table ends measuring that only the table wanted"


def test_hiding_the_table_keeps_a_profile_going():
    profiler = PerformanceProfiler(enabled=True)
    profiler.toggle_table()
    profiler.toggle_table()
    assert profiler.enabled


def test_overhead_is_below_one_percent_of_a_frame():
    profiler = PerformanceProfiler(warmup=0)
    clock = performance_profiler.perf_counter

    def frame():
        for name in SECTIONS:
            with profiler.section(name):
                pass
        for name in COUNTERS:
            profiler.count(name, 2)
        profiler.end_frame()

    fastest = math.inf  # other programs only ever add to a time
    for _ in range(200):
        start = clock()
        for _ in range(10):
            frame()
        fastest = min(fastest, (clock() - start) / 10)
    assert fastest < 0.01 / 60


def test_history_of_no_frames_is_refused():
    with pytest.raises(ValueError, match="history of 0 frames"):
        PerformanceProfiler(history=0)
