"""The cache against a model that keeps the whole history instead of flags."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.utils.stats_cache import StatsCache

EVENTS = ("episode", "policy", "mode")


class World:
    """Source of values that differ at every moment, so that any staleness shows."""

    def __init__(self):
        self.moment = 0
        self.computed = []

    def observe(self, name):
        def compute():
            self.moment += 1
            self.computed.append(name)
            return self.moment

        return compute


def test_a_value_is_computed_when_first_asked_for_and_then_kept():
    world = World()
    cache = StatsCache()
    cache.add("a", world.observe("a"), interval=None)
    assert world.computed == []
    assert [cache.get("a") for _ in range(3)] == [1, 1, 1]
    cache.tick()
    assert cache.get("a") == 1
    assert (cache.hits, cache.misses) == (3, 1)
    assert cache.counts() == {"a": (3, 1)}


def test_intervals_count_frames():
    world = World()
    cache = StatsCache()
    cache.add("every", world.observe("every"))
    cache.add("third", world.observe("third"), interval=3)
    for _ in range(9):
        cache.tick()
        for name in ("every", "third", "every", "third"):
            cache.get(name)
    assert world.computed.count("every") == 9
    assert world.computed.count("third") == 3


def test_a_value_nobody_asks_for_is_not_computed():
    world = World()
    cache = StatsCache(EVENTS)
    cache.add("a", world.observe("a"), interval=2, events=EVENTS)
    for _ in range(10):
        cache.tick()
        cache.invalidate("episode")
    assert world.computed == []


def test_an_event_makes_only_its_listeners_due():
    world = World()
    cache = StatsCache(EVENTS)
    cache.add("reward", world.observe("reward"), interval=None, events=["episode"])
    cache.add("loss", world.observe("loss"), interval=None, events=["policy"])
    cache.get("reward"), cache.get("loss")
    cache.invalidate("episode", "mode")
    assert (cache.is_due("reward"), cache.is_due("loss")) == (True, False)
    cache.invalidate_all()
    assert cache.is_due("loss")


def test_an_event_during_the_computation_is_not_lost():
    cache = StatsCache(EVENTS)
    answers = iter([1, 2])

    def compute():
        answer = next(answers)
        if answer == 1:
            cache.invalidate("policy")
        return answer

    cache.add("q", compute, interval=None, events=["policy"])
    assert [cache.get("q") for _ in range(3)] == [1, 2, 2]


def test_a_failed_computation_stays_due():
    answers = iter([ZeroDivisionError(), 5])

    def compute():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = StatsCache()
    cache.add("q", compute, interval=None)
    with pytest.raises(ZeroDivisionError):
        cache.get("q")
    assert cache.get("q") == 5


def test_exact_mode_is_fresh_every_frame_and_ends_without_trace():
    world = World()
    cache = StatsCache()
    cache.add("q", world.observe("q"), interval=10)
    cache.add("once", world.observe("once"), interval=None)
    cache.exact = True
    for frame in range(1, 6):
        cache.tick()
        cache.get("q"), cache.get("once"), cache.get("q")
        assert len(world.computed) == 2 * frame
    cache.exact = False
    for _ in range(9):
        cache.tick()
        cache.get("q")
    assert len(world.computed) == 10


def test_a_shorter_interval_holds_at_once():
    world = World()
    cache = StatsCache()
    cache.add("q", world.observe("q"), interval=100)
    cache.get("q")
    for _ in range(5):
        cache.tick()
    cache.set_interval("q", 5)
    assert cache.is_due("q")


def test_ages_of_inputs_do_not_add_up():
    cache = StatsCache(EVENTS)
    cache.add("q", lambda: cache.frame, interval=10, events=["policy"])
    cache.add("text", lambda: f"{cache.get('q')}", interval=7, inputs=["q"])
    for _ in range(300):
        cache.tick()
        assert cache.frame - int(cache.get("text")) < 10
    cache.invalidate("policy")
    assert int(cache.get("text")) == cache.frame
    cache.tick()
    cache.invalidate("policy")
    cache.get("q")  # somebody else renews the input first
    assert int(cache.get("text")) == cache.frame


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda cache: cache.get("nope"), "no value 'nope' in the cache"),
        (lambda cache: cache.invalidate("epsiode"), "unknown event 'epsiode', accepted are"),
        (lambda cache: cache.add("b", int, events=["polcy"]), "unknown event 'polcy'"),
        (lambda cache: cache.add("b", int, inputs=["c"]), "input 'c' of 'b' is not among"),
        (lambda cache: cache.add("a", int), "'a' is in the cache already"),
        (lambda cache: cache.add("b", int, interval=0), "interval of 'b' is 0 frames, accepted are"),
        (lambda cache: cache.set_interval("a", -1), "interval of 'a' is -1 frames"),
    ],
)
def test_mistakes_are_refused(act, message):
    cache = StatsCache(EVENTS)
    cache.add("a", int)
    with pytest.raises(ValueError, match=message):
        act(cache)


NAMES = ("a", "b", "c")
VALUES = st.fixed_dictionaries(
    {
        name: st.tuples(st.one_of(st.none(), st.integers(1, 6)), st.frozensets(st.sampled_from(EVENTS)))
        for name in NAMES
    }
)
ACTIONS = st.lists(
    st.one_of(
        st.just(("tick",)),
        st.tuples(st.just("get"), st.sampled_from(NAMES)),
        st.tuples(st.just("event"), st.sampled_from(EVENTS)),
        st.tuples(st.just("exact"), st.booleans()),
    ),
    max_size=60,
)


@given(values=VALUES, b_reads_a=st.booleans(), c_reads_b=st.booleans(), actions=ACTIONS)
@settings(deadline=None)
def test_any_history_equals_the_model(values, b_reads_a, c_reads_b, actions):
    """The model answers from the list of everything that happened, without flags, stamps or counters."""
    inputs = {"a": [], "b": ["a"] * b_reads_a, "c": ["b"] * c_reads_b}
    log = []  # ("tick",), ("event", name), ("computed", name), in order
    cache = StatsCache(EVENTS)

    def computing(name):
        def compute():
            for source in inputs[name]:
                cache.get(source)
            log.append(("computed", name))
            return len(log)

        return compute

    for name in NAMES:
        interval, events = values[name]
        cache.add(name, computing(name), interval, events, inputs[name])

    def model_is_due(name, exact):
        interval, events = values[name]
        if ("computed", name) not in log:
            return True
        since = log[len(log) - log[::-1].index(("computed", name)) :]
        age = since.count(("tick",))
        limit = 1 if exact else interval
        if (limit is not None and age >= limit) or any(("event", event) in since for event in events):
            return True
        return any(("computed", source) in since or model_is_due(source, exact) for source in inputs[name])

    for action, *argument in actions:
        if action == "tick":
            cache.tick()
            log.append(("tick",))
        elif action == "event":
            cache.invalidate(*argument)
            log.append(("event", *argument))
        elif action == "exact":
            cache.exact = argument[0]
        else:
            name = argument[0]
            due = model_is_due(name, cache.exact)
            assert cache.is_due(name) == due
            before = log.count(("computed", name))
            cache.get(name)
            assert log.count(("computed", name)) - before == due
            assert not model_is_due(name, cache.exact)


def test_two_thousand_frames_show_what_was_true_when_it_was_due():
    """A run like the program's: every value shown equals one computed afresh at the frame it was due."""
    rng = np.random.default_rng(4)
    frames = 2000
    intervals = {"reward": 1, "q_value": 10, "success": None, "text": 5}
    listens = {"reward": (), "q_value": ("episode", "policy"), "success": ("episode",), "text": ("mode",)}
    happened = {
        event: rng.random(frames) < share for event, share in zip(EVENTS, (0.01, 0.05, 0.1), strict=True)
    }
    paused = np.zeros(frames, bool)
    paused[700:760] = paused[1500:1503] = True
    truth = {name: rng.normal(size=frames) for name in intervals}  # value of each number at each frame
    now = 0
    cache = StatsCache(EVENTS)
    for name, interval in intervals.items():
        cache.add(name, lambda name=name: truth[name][now], interval, listens[name])

    shown = {name: np.empty(frames) for name in intervals}
    for now in range(frames):
        cache.tick()
        cache.exact = bool(paused[now])
        for event in EVENTS:
            if happened[event][now]:
                cache.invalidate(event)
        for name in intervals:
            shown[name][now] = cache.get(name)

    computed = 0
    for name, interval in intervals.items():
        due = 0
        for frame in range(frames):
            event = any(happened[event][frame] for event in listens[name])
            if frame == 0 or event or paused[frame] or (interval is not None and frame - due >= interval):
                due = frame
                computed += 1
            assert shown[name][frame] == truth[name][due], (name, frame)
    assert cache.misses == computed
    assert cache.hits == frames * len(intervals) - computed
