"""Messages as bytes and back: exact, and whatever the bytes are, they do no more than raise one kind of error."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calf_gpu.app.stream import codec
from calf_gpu.app.stream.codec import CodecError, Decoder, decode_command, encode
from calf_gpu.app.stream.commands import (
    MAX_AGENTS,
    Pause,
    Ready,
    Restart,
    SetAgents,
    SetController,
    Stop,
)
from calf_gpu.app.stream.frame import MAX_STEPS, Frame, Grid, Status, Step
from calf_gpu.app.stream.header import (
    Axis,
    Category,
    Chart,
    Controller,
    Curves,
    Goal,
    Header,
    Number,
    Rule,
)
from scene_frames import NUMBERS, make_frame, make_header, make_step

FLOATS = st.floats(allow_nan=False)
FINITE = st.floats(-1e30, 1e30)
WORDS = st.text(max_size=12)


@st.composite
def axes(draw) -> Axis:
    low = draw(FINITE)
    high = low + draw(st.floats(1.0, 1e30)) + abs(low)
    return Axis(draw(WORDS), draw(WORDS), draw(WORDS), low, high, draw(st.booleans()))


@st.composite
def headers(draw) -> Header:
    shown = draw(st.lists(axes(), min_size=2, max_size=5))
    names = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, min_size=1, max_size=6))
    number = st.builds(
        Number,
        label=WORDS,
        block=WORDS,
        unit=WORDS,
        format=st.sampled_from(["number", "count", "percent", "choice"]),
        digits=st.integers(0, 9),
        choices=st.lists(WORDS, max_size=3).map(tuple),
        scalar=WORDS,
        zero=st.booleans(),
        name=st.just(""),
    )
    some_name = st.sampled_from(names)
    name_or_none = st.just("") | some_name
    categories = draw(
        st.lists(
            st.builds(Category, WORDS, WORDS, st.tuples(*[st.floats(0.0, 1.0)] * 3)), min_size=1, max_size=5
        )
    )
    return Header(
        run=draw(WORDS),
        axes=tuple(shown),
        plane=tuple(draw(st.permutations(range(len(shown))))[:2]),
        critic=draw(WORDS),
        categories=tuple(categories),
        numbers=tuple(msgspec.structs.replace(draw(number), name=name) for name in names),
        agent=draw(st.booleans()),
        agents=draw(st.integers(1, 2**40)),
        goal=draw(st.none() | st.builds(Goal, st.tuples(*[FINITE] * len(shown)), st.floats(1e-9, 1e9))),
        heading=draw(st.none() | st.integers(0, len(shown) - 1)),
        category_title=draw(WORDS),
        controllers=tuple(draw(st.lists(st.builds(Controller, WORDS), max_size=3))),
        controlled_by=draw(name_or_none),
        rule=draw(st.none() | st.builds(Rule, WORDS, some_name, st.none() | st.tuples(FINITE, FINITE))),
        chart=draw(st.none() | st.builds(Chart, WORDS, some_name, some_name)),
        curves=draw(
            st.none()
            | st.builds(Curves, WORDS, st.lists(some_name, max_size=3).map(tuple), some_name, name_or_none)
        ),
        episode=draw(name_or_none),
    )


@st.composite
def steps(draw, header: Header, agents: int) -> Step:
    return Step(
        draw(arrays(np.float32, (agents, len(header.axes)), elements=st.floats(width=32))),
        draw(arrays(np.uint8, agents, elements=st.integers(0, len(header.categories) - 1))),
        draw(arrays(np.bool_, agents)),
    )


@st.composite
def frames(draw, header: Header) -> Frame:
    agents = draw(st.integers(int(header.agent), 5))
    shape = draw(st.tuples(st.integers(2, 5), st.integers(2, 5)))
    plane = arrays(np.float32, shape, elements=st.floats(width=32))
    return Frame(
        number=draw(st.integers(0, 2**60)),
        now=draw(steps(header, agents)),
        numbers=draw(arrays(np.float64, len(header.numbers), elements=st.floats())),
        grid=draw(st.none() | st.builds(Grid, st.integers(0, 2**60), plane, st.none() | plane)),
        values=draw(st.none() | arrays(np.float32, agents, elements=st.floats(width=32))),
        earlier=tuple(draw(st.lists(steps(header, agents), max_size=3))),
    )


STATUSES = st.builds(
    Status, st.sampled_from(["starting", "running", "paused", "stopped", "failed"]), st.text()
)
COMMANDS = st.one_of(
    st.builds(Pause, st.booleans()),
    st.builds(SetAgents, st.integers(1, MAX_AGENTS)),
    st.builds(SetController, st.integers(0, 99)),
    st.sampled_from([Ready(), Restart(), Stop()]),
)


def arrays_of(frame: Frame) -> list[np.ndarray]:
    found = [frame.numbers]
    if frame.grid is not None:
        found += [frame.grid.values] + ([frame.grid.distances] if frame.grid.distances is not None else [])
    found += [frame.values] if frame.values is not None else []
    for step in (frame.now, *frame.earlier):
        found += [step.states, step.modes, step.respawned]
    return found


def assert_same(actual: Frame, expected: Frame) -> None:
    """Hold that all is equal to the last bit: values, dtypes and shapes, signs of zeros and kinds of nan."""
    assert isinstance(actual, Frame)
    assert (actual.number, len(actual.earlier)) == (expected.number, len(expected.earlier))
    assert (actual.grid is None, actual.values is None) == (expected.grid is None, expected.values is None)
    if actual.grid is not None:
        assert actual.grid.version == expected.grid.version
        assert (actual.grid.distances is None) == (expected.grid.distances is None)
    for one, other in zip(arrays_of(actual), arrays_of(expected), strict=True):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


def decoder(header: Header | None = None) -> Decoder:
    made = Decoder()
    made.decode(encode(header or make_header()))
    return made


# -- there and back --------------------------------------------------------------------------------------


@settings(deadline=None)
@given(headers())
def test_headers_come_back_as_they_were(header):
    made = Decoder()
    assert made.header is None
    assert made.decode(encode(header)) == header == made.header


@settings(deadline=None)
@given(st.data())
def test_frames_come_back_as_they_were(data):
    header = data.draw(headers())
    frame = data.draw(frames(header))
    assert_same(decoder(header).decode(encode(frame)), frame)


@given(STATUSES)
def test_statuses_come_back_as_they_were(status):
    assert Decoder().decode(encode(status)) == status


@given(COMMANDS)
def test_commands_come_back_as_they_were(command):
    assert decode_command(encode(command)) == command


def test_memory_order_and_byte_order_of_arrays_do_not_matter():
    plain = make_frame(3, np.arange(12.0).reshape(6, 2), modes=[0, 1, 2, 0, 1, 2])
    states = np.zeros((12, 4), np.float32)
    states[::2, ::2] = plain.now.states
    for same in (
        states[::2, ::2],
        np.asfortranarray(plain.now.states),
        plain.now.states.astype(">f4"),
        plain.now.states[::-1][::-1],
    ):
        now = Step(same, plain.now.modes[::-1][::-1], plain.now.respawned)
        sent = Frame(3, now, plain.numbers.astype(">f8"), plain.grid)
        assert_same(decoder().decode(encode(sent)), plain)


def test_decoded_arrays_cannot_be_written_and_share_the_message_memory():
    frame = decoder().decode(encode(make_frame(1, np.zeros((4, 2)))))
    for array in arrays_of(frame):
        assert not array.flags.writeable and not array.flags.owndata


def test_a_crowd_without_a_training_agent_may_be_empty():
    header = make_header(agent=False)
    frame = make_frame(0, np.zeros((0, 2)))
    assert_same(decoder(header).decode(encode(frame)), frame)


def test_numbers_are_no_limit():
    numbers = tuple(Number(f"number_{place}", f"Number {place}", "Block") for place in range(2000))
    header = make_header(numbers=numbers, controlled_by="", rule=None, chart=None, episode="number_7")
    values = np.linspace(-1e9, 1e9, 2000)
    frame = Frame(0, make_step(np.zeros((3, 2))), values)
    assert_same(decoder(header).decode(encode(frame)), frame)
    with pytest.raises(CodecError, match=r"\(1999,\) numbers, the header declares 2000"):
        decoder(header).decode(encode(Frame(0, frame.now, values[1:])))


@pytest.mark.parametrize("dtype", ["f2", "i8", "U3", "O"])
def test_arrays_of_other_types_are_refused_by_the_sender(dtype):
    frame = Frame(0, make_step(np.zeros((3, 2))), np.zeros(31, dtype))
    with pytest.raises(TypeError, match="cannot send an array of"):
        encode(frame)


def test_what_is_no_array_is_refused_by_the_sender():
    frame = Frame(0, make_step(np.zeros((3, 2))), np.zeros(31), Grid(0, object()))
    with pytest.raises(TypeError, match="cannot send a object"):
        encode(frame)


# -- frames that do not fit their header -----------------------------------------------------------------


def changed_step(**changes) -> Frame:
    frame = make_frame(1, np.zeros((6, 2)), earlier=(make_step(np.zeros((6, 2))),))
    return msgspec.structs.replace(frame, now=msgspec.structs.replace(frame.now, **changes))


def changed_earlier(**changes) -> Frame:
    frame = changed_step()
    return msgspec.structs.replace(frame, earlier=(msgspec.structs.replace(frame.now, **changes),))


def changed(**changes) -> Frame:
    return msgspec.structs.replace(changed_step(), **changes)


PLANE = np.zeros((3, 3), np.float32)
MISFITS = {
    "states in double precision": changed_step(states=np.zeros((6, 2))),
    "states of another dimension": changed_step(states=np.zeros((6, 3), np.float32)),
    "states of fewer agents": changed_step(states=np.zeros((5, 2), np.float32)),
    "flat states": changed_step(states=np.zeros(12, np.float32)),
    "modes as numbers": changed_step(modes=np.zeros(6, np.float32)),
    "modes of more agents": changed_step(modes=np.zeros(7, np.uint8)),
    "modes in a row": changed_step(modes=np.zeros((6, 1), np.uint8)),
    "one mode": changed_step(modes=np.zeros((), np.uint8)),
    "a mode without a category": changed_step(modes=np.uint8([0, 0, 0, 0, 0, 3])),
    "respawned as numbers": changed_step(respawned=np.zeros(6, np.uint8)),
    "respawned of fewer agents": changed_step(respawned=np.zeros(5, np.bool_)),
    "earlier states of another dimension": changed_earlier(states=np.zeros((6, 1), np.float32)),
    "an earlier mode without a category": changed_earlier(modes=np.full(6, 255, np.uint8)),
    "earlier agents that are more": changed(earlier=(make_step(np.zeros((7, 2))),)),
    "too many steps": changed(earlier=(make_step(np.zeros((6, 2))),) * MAX_STEPS),
    "no agents": make_frame(1, np.zeros((0, 2))),
    "numbers in single precision": changed(numbers=np.zeros(len(NUMBERS), np.float32)),
    "one number less": changed(numbers=np.zeros(len(NUMBERS) - 1)),
    "numbers in a row": changed(numbers=np.zeros((1, len(NUMBERS)))),
    "values in double precision": changed(values=np.zeros(6)),
    "values of fewer agents": changed(values=np.zeros(5, np.float32)),
    "values in a row": changed(values=np.zeros((6, 1), np.float32)),
    "a grid in double precision": changed(grid=Grid(1, np.zeros((3, 3)))),
    "a flat grid": changed(grid=Grid(1, np.zeros(9, np.float32))),
    "a grid of one row": changed(grid=Grid(1, np.zeros((1, 9), np.float32))),
    "distances in double precision": changed(grid=Grid(1, PLANE, np.zeros((3, 3)))),
    "distances of another grid": changed(grid=Grid(1, PLANE, np.zeros((3, 4), np.float32))),
    "a grid without columns": changed(grid=Grid(1, np.zeros((9, 0), np.float32))),
}


@pytest.mark.parametrize("what", MISFITS)
def test_a_frame_that_does_not_fit_its_header_is_refused_in_one_line(what):
    made = decoder()
    made.decode(encode(changed_step()))
    with pytest.raises(CodecError) as caught:
        made.decode(encode(MISFITS[what]))
    assert len(str(caught.value).splitlines()) == 1
    made.decode(encode(changed_step()))  # the decoder goes on


def test_a_frame_before_any_header_is_refused():
    with pytest.raises(CodecError, match="a frame before any header"):
        Decoder().decode(encode(changed_step()))


def test_a_new_header_is_the_measure_from_then_on():
    made = decoder()
    made.decode(encode(make_header(heading=2)))
    with pytest.raises(CodecError, match=r"states of shape \(6, 2\) for 6 agents with 3 axes"):
        made.decode(encode(changed_step()))
    made.decode(encode(make_frame(0, np.zeros((6, 3)))))


# -- any bytes -------------------------------------------------------------------------------------------

SEEDS = [
    encode(make_header()),
    encode(make_header(goal=None, rule=None, chart=None, controllers=(), controlled_by="", episode="")),
    encode(make_frame(7, np.zeros((3, 2)), q_grid=np.zeros((2, 3), np.float32))),
    encode(changed_step()),
    encode(Status("failed", "why")),
    *(encode(command) for command in (Pause(True), SetAgents(7), SetController(1), Ready(), Stop())),
]


def assert_valid_or_refused(data: bytes) -> None:
    made = decoder()
    try:
        message = made.decode(data)
    except CodecError as error:
        assert len(str(error).splitlines()) == 1
    else:
        if isinstance(message, Frame):
            assert message.now.states.shape == (message.agents, 2)
            assert len(message.numbers) == len(NUMBERS)
            assert message.now.modes.max() < 3
        elif isinstance(message, Header):
            assert made.header is message
            message.extent, [message.index(number.name) for number in message.numbers]
        else:
            assert isinstance(message, Status)
            assert isinstance(message.reason, str)
    try:
        command = decode_command(data)
    except CodecError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert not isinstance(command, SetAgents) or 1 <= command.count <= MAX_AGENTS


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300))
@example(b"")
def test_any_bytes_are_a_message_or_refused(data):
    assert_valid_or_refused(data)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SEEDS), st.data())
def test_any_change_of_a_message_is_a_message_or_refused(seed, data):
    changed = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        how = data.draw(st.sampled_from(["set", "flip", "insert", "delete", "repeat"]))
        if how == "set":
            changed[place] = data.draw(st.integers(0, 255))
        elif how == "flip":
            changed[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "insert":
            changed[place:place] = data.draw(st.binary(min_size=1, max_size=6))
        elif how == "delete" and len(changed) > 9:
            del changed[place : place + data.draw(st.integers(1, 8))]
        else:
            changed[place:place] = changed[place : place + 20]
    assert_valid_or_refused(bytes(changed))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_message_that_ends_early_or_late_is_refused(seed):
    for length in range(len(seed)):
        assert_valid_or_refused(seed[:length])
        with pytest.raises(CodecError):
            decoder().decode(seed[:length])
    with pytest.raises(CodecError):
        decoder().decode(seed + b"\0")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Paths of everything in nested lists and dictionaries."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(*path, key) for key, _ in inside] + [
        place for key, inner in inside for place in places(inner, (*path, key))
    ]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), PLAIN, st.data())
def test_anything_in_place_of_anything_is_a_message_or_refused(seed, foreign, data):
    """Well-formed MessagePack with one part replaced, which random bytes hardly ever are."""
    message = msgspec.msgpack.decode(seed)
    *path, last = data.draw(st.sampled_from(places(message)))
    branch = message
    for key in path:
        branch = branch[key]
    branch[last] = foreign
    assert_valid_or_refused(msgspec.msgpack.encode(message))


# -- messages that want memory ---------------------------------------------------------------------------

MANY = 2**32 - 1


def packed(**fields: object) -> bytes:
    """A MessagePack map; values that are bytes are put in as they are."""
    made = bytes([0x80 | len(fields)])
    for name, value in fields.items():
        made += msgspec.msgpack.encode(name)
        made += value if isinstance(value, bytes) else msgspec.msgpack.encode(value)
    return made


def frame_with(states: bytes) -> bytes:
    now = packed(states=states, modes=0, respawned=0)
    return packed(type="frame", number=1, now=now)


def claimed(kind: str, length: int) -> bytes:
    """The first bytes of a list, map, text or binary of this length."""
    return {"list": b"\xdd", "map": b"\xdf", "str": b"\xdb", "bin": b"\xc6"}[kind] + length.to_bytes(4, "big")


def array_of(shape: list[int], data: bytes = b"8 bytes.") -> bytes:
    return frame_with(msgspec.msgpack.encode(["f4", shape, data]))


LIES = {
    "a shape of 10^12": array_of([10**12]),
    "a shape of 10^12 in two": array_of([10**6, 10**6]),
    "a shape beyond 64 bits": array_of([2**62, 2**62, 2**62]),
    "a negative shape": array_of([-2, -1]),
    "no elements, endless rows": array_of([10**18, 0], b""),
    "100 axes": array_of([1] * 100, b"1234"),
    "a shape of 2^32 sides": frame_with(
        b"\x93" + msgspec.msgpack.encode("f4") + claimed("list", MANY) + b"\1"
    ),
    "a binary of 2^32 bytes": frame_with(b"\x93\xa2f4\x91\1" + claimed("bin", MANY) + b"1234"),
    "a list of 2^32": frame_with(claimed("list", MANY) + b"\x90"),
    "a map of 2^32": frame_with(claimed("map", MANY) + b"\x90"),
    "2^32 earlier steps": packed(type="frame", number=1, earlier=claimed("list", MANY) + b"\1"),
    "2^32 numbers": packed(type="header", numbers=claimed("list", MANY) + b"\x81\xa4name\xa0"),
    "a text of 2^31": packed(type="status", phase=claimed("str", 2**31) + b"running"),
    "nested to depth 10^4": frame_with(b"\x91" * 10**4),
    "nested to depth 10^6": frame_with(b"\x91" * 10**6),
    "nested maps": frame_with(b"\x81\xa1x" * 10**4),
    "nested in a status": packed(type="status", reason=b"\x91" * 10**5),
    "nested in what is not looked at": packed(type="status", phase="running", other=b"\x91" * 10**5),
}


@pytest.mark.parametrize("what", LIES)
def test_lengths_shapes_and_depths_that_lie_cost_no_memory(what):
    made = decoder()
    tracemalloc.start()
    try:
        with pytest.raises(CodecError) as caught:
            made.decode(LIES[what])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 18
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(CodecError):
        decode_command(LIES[what])


MILLION = 1 << 20

HEAVY = {
    "empty lists for states": frame_with(claimed("list", MILLION) + b"\x90" * MILLION),
    "empty maps for states": frame_with(claimed("list", MILLION) + b"\x80" * MILLION),
    "a long shape": frame_with(b"\x93\xa2f4" + claimed("list", MILLION) + b"\1" * MILLION + b"\xc4\0"),
    "a long goal": packed(type="header", goal=packed(state=claimed("list", MILLION) + b"\1" * MILLION)),
}


@pytest.mark.parametrize("what", HEAVY)
def test_hostile_content_costs_little_memory(what):
    made = decoder()
    tracemalloc.start()
    try:
        with pytest.raises(CodecError):
            made.decode(HEAVY[what])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * MILLION


def test_the_process_grows_by_no_more_than_the_message():
    """What the C code of the decoder takes counts too, which tracemalloc may not see."""
    script = """
import resource, sys
from test_codec import LIES, CodecError, decoder

made = decoder()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for data in LIES.values():
    try:
        made.decode(data)
    except CodecError:
        continue
    raise SystemExit("was not refused")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(grown * (1 if sys.platform == "darwin" else 1024))
"""
    if sys.platform == "win32":
        pytest.skip("no getrusage")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32 << 20


def test_messages_beyond_the_limits_are_not_looked_at(monkeypatch):
    long = encode(Status("running", "x" * 2000))
    crowd = encode(make_frame(0, np.zeros((2000, 2))))
    monkeypatch.setattr(codec, "MAX_SMALL_BYTES", 1000)
    made = Decoder()
    made.header = make_header()
    with pytest.raises(CodecError):
        made.decode(long)
    assert made.decode(crowd).agents == 2000
    monkeypatch.setattr(codec, "MAX_BYTES", 20_000)
    with pytest.raises(CodecError, match="accepted are 20,000"):
        made.decode(crowd)
