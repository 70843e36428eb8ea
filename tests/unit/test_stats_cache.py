"""The cache against a model that keeps the whole history instead of flags."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calf_gpu.app.utils.stats_cache import StatsCache

EVENTS = ("episode", "policy", "mode")
LONG = 1_000_000


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
    cache.add("a", world.observe("a"), interval=LONG)
    assert world.computed == []
    assert [cache.get("a") for _ in range(3)] == [1, 1, 1]
    cache.tick()
    assert cache.get("a") == 1
    assert world.computed == ["a"]


def test_names_come_in_the_order_in_which_they_were_added():
    cache = StatsCache()
    for name in ("run", "critic", "agents"):
        cache.add(name, int)
    assert cache.names == ("run", "critic", "agents")


def test_intervals_count_frames():
    world = World()
    cache = StatsCache()
    cache.add("every", world.observe("every"))
    cache.add("third", world.observe("third"), interval=3)
    for frame in range(1, 10):
        cache.tick()
        assert cache.frame == frame
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
    cache.add("reward", world.observe("reward"), interval=LONG, events=["episode"])
    cache.add("loss", world.observe("loss"), interval=LONG, events=["policy"])
    cache.get("reward"), cache.get("loss")
    cache.invalidate("episode", "mode")
    cache.get("reward"), cache.get("loss")
    assert world.computed == ["reward", "loss", "reward"]
    cache.invalidate(*EVENTS)
    cache.get("reward"), cache.get("loss")
    assert world.computed == ["reward", "loss", "reward", "reward", "loss"]


def test_an_event_during_the_computation_is_not_lost():
    cache = StatsCache(EVENTS)
    answers = iter([1, 2])

    def compute():
        answer = next(answers)
        if answer == 1:
            cache.invalidate("policy")
        return answer

    cache.add("q", compute, interval=LONG, events=["policy"])
    assert [cache.get("q") for _ in range(3)] == [1, 2, 2]


def test_a_failed_computation_stays_due():
    answers = iter([ZeroDivisionError(), 5])

    def compute():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = StatsCache()
    cache.add("q", compute, interval=LONG)
    with pytest.raises(ZeroDivisionError):
        cache.get("q")
    assert cache.get("q") == 5


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda cache: cache.get("nope"), "no value 'nope' in the cache"),
        (lambda cache: cache.invalidate("epsiode"), "unknown event 'epsiode', accepted are"),
        (lambda cache: cache.add("b", int, events=["polcy"]), "unknown event 'polcy'"),
        (lambda cache: cache.add("a", int), "'a' is in the cache already"),
        (lambda cache: cache.add("b", int, interval=0), "interval of 'b' is 0 frames, accepted are"),
        (lambda cache: cache.add("b", int, interval=-1), "interval of 'b' is -1 frames"),
    ],
)
def test_mistakes_are_refused(act, message):
    cache = StatsCache(EVENTS)
    cache.add("a", int)
    with pytest.raises(ValueError, match=message):
        act(cache)
    assert cache.names == ("a",)


NAMES = ("a", "b", "c")
VALUES = st.fixed_dictionaries(
    {name: st.tuples(st.integers(1, 6), st.frozensets(st.sampled_from(EVENTS))) for name in NAMES}
)
ACTIONS = st.lists(
    st.one_of(
        st.just(("tick",)),
        st.tuples(st.just("get"), st.sampled_from(NAMES)),
        st.tuples(st.just("event"), st.sampled_from(EVENTS)),
    ),
    max_size=60,
)


@given(values=VALUES, actions=ACTIONS)
@settings(deadline=None)
def test_any_history_equals_the_model(values, actions):
    """The model answers from the list of everything that happened, without flags, stamps or counters."""
    log = []  # ("tick",), ("event", name), ("computed", name), in order
    cache = StatsCache(EVENTS)

    def computing(name):
        def compute():
            log.append(("computed", name))
            return len(log)

        return compute

    for name in NAMES:
        cache.add(name, computing(name), *values[name])

    def model_is_due(name):
        interval, events = values[name]
        if ("computed", name) not in log:
            return True
        since = log[len(log) - log[::-1].index(("computed", name)) :]
        return since.count(("tick",)) >= interval or any(("event", event) in since for event in events)

    for action, *argument in actions:
        if action == "tick":
            cache.tick()
            log.append(("tick",))
        elif action == "event":
            cache.invalidate(*argument)
            log.append(("event", *argument))
        else:
            (name,) = argument
            due = model_is_due(name)
            before = log.count(("computed", name))
            cache.get(name)
            assert log.count(("computed", name)) - before == due
            assert not model_is_due(name)


def test_two_thousand_frames_show_what_was_true_when_it_was_due():
    """A run like the program's: every value shown equals one computed afresh at the frame it was due."""
    rng = np.random.default_rng(4)
    frames = 2000
    intervals = {"reward": 1, "q_value": 10, "success": LONG, "text": 5}
    listens = {"reward": (), "q_value": ("episode", "policy"), "success": ("episode",), "text": ("mode",)}
    happened = {
        event: rng.random(frames) < share for event, share in zip(EVENTS, (0.01, 0.05, 0.1), strict=True)
    }
    truth = {name: rng.normal(size=frames) for name in intervals}  # value of each number at each frame
    now = 0
    computed = 0
    cache = StatsCache(EVENTS)

    def observe(name):
        nonlocal computed
        computed += 1
        return truth[name][now]

    for name, interval in intervals.items():
        cache.add(name, lambda name=name: observe(name), interval, listens[name])
    shown = {name: np.empty(frames) for name in intervals}
    for now in range(frames):
        cache.tick()
        for event in EVENTS:
            if happened[event][now]:
                cache.invalidate(event)
        for name in intervals:
            shown[name][now] = cache.get(name)

    expected = 0
    for name, interval in intervals.items():
        due = 0
        for frame in range(frames):
            event = any(happened[event][frame] for event in listens[name])
            if frame == 0 or event or frame - due >= interval:
                due = frame
                expected += 1
            assert shown[name][frame] == truth[name][due], (name, frame)
    assert computed == expected
