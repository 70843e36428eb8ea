"""Messages through pipes: the run never waits for its viewer, and whatever comes out of a pipe, nothing breaks."""

from __future__ import annotations

import io
import os
import threading
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from calf_gpu.app.stream.codec import MAX_BYTES, CodecError, Decoder, Message, encode
from calf_gpu.app.stream.commands import Command, Pause, Ready, SetAgents, Stop
from calf_gpu.app.stream.frame import MAX_STEPS, Frame, Status
from calf_gpu.app.stream.pipe import Inlet, Outlet, read_message, write_message
from scene_frames import make_frame, make_header

PATIENCE = 60.0


class Viewer:
    """The other end of an outlet, in this process."""

    def __init__(self) -> None:
        commands, self._commands = os.pipe()
        self._messages, messages = os.pipe()
        self.outlet = Outlet(os.fdopen(commands, "rb"), os.fdopen(messages, "wb"))
        self.commands = os.fdopen(self._commands, "wb")
        self.messages = os.fdopen(self._messages, "rb")
        self.decoder = Decoder()
        self.outlet.publish(make_header())
        assert self.next() == make_header()

    def next(self) -> Message | None:
        """Wait for the next message; None at the end."""
        data = read_message(self.messages)
        return self.decoder.decode(data) if data is not None else None

    def say(self, *commands: Command) -> None:
        for command in commands:
            write_message(self.commands, encode(command))

    def heard(self, count: int) -> list[Command]:
        """Wait until the run has heard so many commands, those of the transport not counted."""
        heard: list[Command] = []
        while len(heard) < count:
            heard += self.outlet.commands(PATIENCE)
        return heard

    def ready(self) -> None:
        """Say so, and wait until the run knows."""
        self.say(Ready(), Pause(False))
        self.heard(1)

    def leave(self) -> None:
        self.commands.close()
        self.messages.close()


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    viewer = Viewer()
    yield viewer
    viewer.leave()
    viewer.outlet.close()


def frame(number: int, agents: int = 6, version: int = 0) -> Frame:
    states = np.full((agents, 2), number)
    return make_frame(number, states, q_grid=np.full((3, 3), version), q_version=version, total_steps=number)


def numbers(shown: Frame) -> list[int]:
    """Numbers of all steps in a frame, oldest first."""
    return [int(step.states[0, 0]) for step in (*shown.earlier, shown.now)]


def within_patience(work) -> None:
    """Run what must not wait for anybody."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "somebody waits"


# -- single messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 70_000, 3_000_000])
def test_a_message_comes_out_as_it_went_in(length):
    data = np.random.default_rng(length).bytes(length)
    file = io.BytesIO()
    write_message(file, data)
    write_message(file, b"next")
    file.seek(0)
    assert [read_message(file) for _ in range(3)] == [data, b"next", None]


@pytest.mark.parametrize("claimed", [5, 1 << 20, MAX_BYTES])
def test_a_length_that_lies_costs_no_memory(claimed):
    file = io.BytesIO(claimed.to_bytes(4, "little") + b"1234")
    tracemalloc.start()
    try:
        with pytest.raises(CodecError, match="it ends after 4 of"):
            read_message(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "data", [b"\1", b"\1\0\0", (MAX_BYTES + 1).to_bytes(4, "little") + b"1", b"\xff" * 99]
)
def test_what_cannot_be_a_length_is_refused_at_once(data):
    with pytest.raises(CodecError, match="not a message"):
        read_message(io.BytesIO(data))


# -- what arrives ----------------------------------------------------------------------------------------


def inlet(data: bytes) -> Inlet:
    made = Inlet(io.BytesIO(data))
    made.wait_for_end(PATIENCE)
    return made


def message(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


def test_messages_are_taken_in_order_before_the_end_is_told():
    made = inlet(message(b"one") + message(b"") + message(b"three"))
    assert made.arrived.is_set() and not made.ended
    assert made.take() == [b"one", b"", b"three"]
    assert made.ended and made.arrived.is_set(), "there is nothing more to wait for"
    assert made.take() == []


@pytest.mark.parametrize("rest", [b"\7\0\0\0cut", b"\xff\xff\xff\xff", b"\0"])
def test_whoever_speaks_nonsense_is_gone_and_what_was_said_before_counts(rest):
    made = inlet(message(b"one") + rest)
    assert made.take() == [b"one"]
    assert made.ended


def test_an_inlet_waits_for_what_is_still_to_come():
    read, write = os.pipe()
    made = Inlet(os.fdopen(read, "rb"))
    assert (made.take(), made.ended, made.arrived.is_set()) == ([], False, False)
    os.write(write, message(b"half")[:6])
    assert made.take() == []
    os.write(write, message(b"half")[6:])
    assert made.arrived.wait(PATIENCE)
    assert made.take() == [b"half"]
    assert not made.ended
    os.close(write)
    made.wait_for_end(PATIENCE)
    assert made.ended


# -- a run and its viewer --------------------------------------------------------------------------------


def test_the_first_frame_leaves_at_once_and_the_next_when_the_viewer_is_ready(viewer):
    assert viewer.outlet.ready
    viewer.outlet.publish(frame(0))
    assert numbers(viewer.next()) == [0]
    assert not viewer.outlet.ready, "the viewer has not said that it has drawn it"
    viewer.ready()
    assert viewer.outlet.ready


def test_frames_made_meanwhile_arrive_joined(viewer):
    viewer.outlet.publish(frame(0))
    assert numbers(viewer.next()) == [0]
    for number in (1, 2, 3):
        viewer.outlet.publish(frame(number))
    viewer.outlet.publish(Status("running"))
    assert viewer.next() == Status("running"), "frames wait for the viewer, nothing else does"
    viewer.ready()
    shown = viewer.next()
    assert numbers(shown) == [1, 2, 3]
    assert shown.number == shown.numbers[viewer.decoder.header.index("total_steps")] == 3
    viewer.outlet.publish(frame(4))
    viewer.ready()
    assert numbers(viewer.next()) == [4]


def test_a_run_never_waits_for_a_viewer_that_does_not_read(viewer):
    """Far more than a pipe holds, and never more than a frame's worth of steps in memory."""
    count, agents = 500, 20_000
    viewer.outlet.publish(frame(0, agents))
    length = int.from_bytes(viewer.messages.read(4), "little")  # the first is on its way, and stuck

    def publish() -> None:
        for number in range(1, count):
            viewer.outlet.publish(frame(number, agents))
            viewer.outlet.commands()

    tracemalloc.start()
    try:
        within_patience(publish)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * MAX_STEPS * agents * 10, "ten bytes an agent and step"
    assert numbers(viewer.decoder.decode(viewer.messages.read(length))) == [0]
    viewer.ready()
    shown = viewer.next()
    assert numbers(shown) == list(range(count - MAX_STEPS, count))
    assert shown.earlier[0].respawned.all(), "steps are missing before it"


def test_a_grid_is_sent_once(viewer):
    versions = []
    for number, version in enumerate([5, 5, 5, 6, 6, 4]):
        viewer.outlet.publish(frame(number, version=version))
        shown = viewer.next()
        versions.append(shown.grid and (shown.grid.version, shown.grid.values[0, 0]))
        viewer.ready()
    assert versions == [(5, 5), None, None, (6, 6), None, (4, 4)]


def test_a_grid_of_a_frame_that_was_joined_is_not_lost(viewer):
    viewer.outlet.publish(frame(0, version=1))
    assert viewer.next().grid.version == 1
    viewer.outlet.publish(frame(1, version=2))
    viewer.outlet.publish(Frame(2, frame(2).now, frame(2).numbers))
    viewer.ready()
    assert viewer.next().grid.version == 2


def test_commands_come_in_order_without_those_of_the_transport(viewer):
    viewer.say(Pause(True), Ready(), SetAgents(7), Ready(), Stop())
    assert viewer.heard(3) == [Pause(True), SetAgents(7), Stop()]
    assert viewer.outlet.commands() == []


def test_what_a_viewer_said_before_it_left_is_heard(viewer):
    viewer.say(SetAgents(3), Stop())
    viewer.leave()
    assert viewer.heard(2) == [SetAgents(3), Stop()]
    with pytest.raises(EOFError, match="the viewer is gone"):
        viewer.outlet.commands(PATIENCE)


def test_a_viewer_that_says_what_is_no_command_is_an_error(viewer):
    write_message(viewer.commands, encode(Status("running")))
    with pytest.raises(CodecError):
        viewer.outlet.commands(PATIENCE)


def test_a_run_whose_viewer_is_gone_publishes_into_nothing(viewer):
    viewer.leave()

    def publish() -> None:
        for number in range(300):
            viewer.outlet.publish(frame(number, 2000))
            viewer.outlet.publish(Status("running", str(number)))
        viewer.outlet.close()

    within_patience(publish)
    with pytest.raises(EOFError):
        viewer.outlet.commands(PATIENCE)


def test_last_words_are_sent_before_the_pipe_is_closed(viewer):
    viewer.outlet.publish(frame(0))
    assert viewer.next().number == 0
    viewer.outlet.publish(frame(1))
    viewer.outlet.publish(Status("stopped", "no room on the disk"))
    viewer.outlet.publish(Status("failed", "no more"))
    viewer.outlet.close()
    assert viewer.next() == Status("stopped", "no room on the disk")
    assert viewer.next() == Status("failed", "no more")
    assert viewer.next() is None
    viewer.outlet.close()  # again


def test_a_run_ends_though_nobody_reads_its_last_words(viewer):
    viewer.outlet.publish(frame(0, 100_000))
    within_patience(lambda: viewer.outlet.close(patience=0.1))
