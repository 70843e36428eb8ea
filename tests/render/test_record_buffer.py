"""The table of records as shaders see it, against the plain array it should be."""

from __future__ import annotations

import numpy as np
import pytest

from calf_gpu import raw_gl
from calf_gpu.record_buffer import RECORD_BYTES, RecordBuffer
from calf_gpu.uploads import uploads_of
from float_screen import FloatScreen
from offscreen import run_script

ROWS, SLOTS = 5, 7

FRAGMENT = """#version 330
uniform samplerBuffer records;
uniform ivec2 table;    // rows, slots
uniform ivec2 newest;
out vec4 color;
void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);
    if (cell.x < table.x && cell.y < table.y)
        color = texelFetch(records, cell.y * table.x + cell.x);
    else
        color = vec4(newest, 0, 0);
}
"""


class Reader:
    """Draws a record buffer's table into a float buffer and returns it as an array."""

    def __init__(self, base, upload: str = "auto", rows: int = ROWS, slots: int = SLOTS) -> None:
        self.screen = FloatScreen(base, 16, 16)
        try:
            self.table = RecordBuffer(rows, slots, upload, window=self.screen.window, name="table")
        except ValueError:
            self.screen.close()
            raise
        self.screen.use(FRAGMENT, records=self.table.texture, newest=self.table.newest, table=(rows, slots))

    def read(self) -> np.ndarray:
        """(slots, rows, 4) as the shader sees it."""
        return self._draw()[: self.table.slots, : self.table.rows]

    def newest(self) -> tuple[int, int]:
        """(slot, stamp) of the newest write."""
        return tuple(self._draw()[-1, -1, :2].astype(int))

    def _draw(self) -> np.ndarray:
        self.screen.screen.set_shader_input("table", (self.table.rows, self.table.slots))
        return self.screen.read()

    def close(self) -> None:
        self.screen.close()


@pytest.fixture
def reader(base):
    made = []

    def make(*args, **options) -> Reader:
        made.append(Reader(base, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def records(rng, rows=ROWS):
    return rng.normal(size=(rows, 4)).astype(np.float32)


BOTH_UPLOADS = pytest.mark.parametrize("upload", ["partial", "whole"])


@BOTH_UPLOADS
def test_starts_with_zeros(reader, upload):
    assert not reader(upload).read().any()


@BOTH_UPLOADS
@pytest.mark.parametrize("seed", range(3))
def test_random_writes_and_sizes_match_a_plain_array(reader, upload, seed):
    rng = np.random.default_rng(seed)
    shown = reader(upload)
    expected = np.zeros((SLOTS, ROWS, 4), np.float32)
    for _ in range(30):
        for _ in range(rng.choice([0, 1, 1, 1, 2, 6])):
            slot, values = int(rng.integers(SLOTS)), records(rng, shown.table.rows)
            shown.table.write(slot, values)
            expected[slot] = values
        if rng.random() < 0.2:
            rows = int(rng.integers(1, 9))
            shown.table.resize(rows)
            resized = np.zeros((SLOTS, rows, 4), np.float32)
            kept = min(rows, expected.shape[1])
            resized[:, :kept] = expected[:, :kept]
            expected = resized
        if rng.random() < 0.8:
            np.testing.assert_array_equal(shown.read(), expected)
        np.testing.assert_array_equal(shown.table.records, expected)


@BOTH_UPLOADS
def test_later_write_to_a_slot_wins(reader, upload):
    rng = np.random.default_rng(1)
    shown = reader(upload)
    shown.read()
    first, last = records(rng), records(rng)
    shown.table.write(3, first)
    shown.table.write(3, last)
    np.testing.assert_array_equal(shown.read()[3], last)


@BOTH_UPLOADS
def test_writes_while_hidden_show_up_later(reader, upload):
    rng = np.random.default_rng(2)
    shown = reader(upload)
    shown.screen.screen.hide()
    values = [records(rng) for _ in range(SLOTS)]
    for slot in range(SLOTS):
        shown.table.write(slot, values[slot])
        shown.screen.read()
    shown.screen.screen.show()
    np.testing.assert_array_equal(shown.read(), values)


@BOTH_UPLOADS
def test_slot_and_stamp_of_the_newest_write_reach_the_shader(reader, upload):
    shown = reader(upload)
    for stamp in (5, 6, 11):
        shown.table.write(stamp % SLOTS, np.ones((ROWS, 4)), stamp)
        assert shown.newest() == (stamp % SLOTS, stamp)


@pytest.mark.parametrize("slots", [3, 400])
def test_partial_sends_only_the_slots_written(base, slots):
    shown = Reader(base, "partial", rows=ROWS, slots=slots)
    shown.table.write(0, np.zeros((ROWS, 4)))
    shown.screen.read()
    shown.screen.read()  # by now the buffer object exists
    uploads = uploads_of(shown.screen.window)
    for count in (1, 1, 2, 0):
        for slot in range(count):
            shown.table.write(slot, np.ones((ROWS, 4)))
        before = shown.table.uploaded_bytes, uploads.raw_bytes
        shown.screen.read()
        after = shown.table.uploaded_bytes, uploads.raw_bytes
        assert [b - a for a, b in zip(before, after, strict=True)] == [RECORD_BYTES * ROWS * count] * 2
    shown.close()


def test_after_a_resize_panda_fills_the_new_buffer_object(reader):
    shown = reader("partial")
    for step in range(3):
        shown.table.write(step, np.ones((ROWS, 4)))
        shown.read()
    shown.table.resize(8)
    shown.table.write(6, np.ones((8, 4)))
    before = shown.table.uploaded_bytes
    assert (shown.read()[6] == 1).all()
    assert shown.table.uploaded_bytes == before  # a partial write would miss the old, smaller buffer object
    shown.read()
    assert shown.table.uploaded_bytes == before + RECORD_BYTES * 8


def test_viewport_follows_the_size_of_the_window(offscreen):
    scene = offscreen(40, 30)
    uploads = uploads_of(scene.buffer)
    assert uploads_of(scene.buffer) is uploads
    scene.render()
    assert tuple(uploads.viewport[0]) == (40, 30)
    scene.buffer.set_size(64, 20)
    scene._base.graphicsEngine.render_frame()
    assert tuple(uploads.viewport[0]) == (64, 20)


@BOTH_UPLOADS
def test_memory_is_the_table_once_here_and_once_on_the_gpu(reader, upload):
    table = reader(upload).table
    assert table.records.nbytes == 16 * ROWS * SLOTS
    assert (
        table.texture.get_ram_image_size() == table.texture.get_expected_ram_image_size() == 16 * ROWS * SLOTS
    )
    image = np.frombuffer(table.texture.get_ram_image(), np.float32)
    assert np.shares_memory(image, table.records), "the mirror is the texture's own image"


def test_lost_context_is_refilled(reader):
    rng = np.random.default_rng(3)
    shown = reader("partial")
    values = [records(rng) for _ in range(SLOTS)]
    for slot in range(SLOTS):
        shown.table.write(slot, values[slot])
        shown.read()
    shown.table.texture.release_all()  # what a new context would do
    values[2] = records(rng)
    shown.table.write(2, values[2])
    np.testing.assert_array_equal(shown.read(), values)
    values[4] = records(rng)
    shown.table.write(4, values[4])
    np.testing.assert_array_equal(shown.read(), values)


def test_failing_partial_writes_turn_into_whole_uploads(reader, monkeypatch, caplog):
    class Refusing(raw_gl.RawGL):
        def __init__(self):
            pass

        def clear_errors(self):
            pass

        def write(self, buffer_id, spans):
            raise raw_gl.RawGLError("no such call")

    monkeypatch.setattr(raw_gl, "load", Refusing)
    rng = np.random.default_rng(4)
    shown = reader("partial")
    for slot in range(4):
        values = records(rng)
        shown.table.write(slot, values)
        np.testing.assert_array_equal(shown.read()[slot], values)
    assert shown.table.upload == "whole"
    assert [record.levelname for record in caplog.records].count("WARNING") == 1


def test_auto_takes_partial_and_says_so_in_one_line(reader, caplog):
    with caplog.at_level("INFO", "calf_gpu"):
        assert reader("auto").table.upload == "partial"
    assert [record.message for record in caplog.records] == [
        f"table: {SLOTS} x {ROWS} records, upload partial (glBufferSubData)"
    ]


def test_auto_without_raw_opengl_uploads_whole_and_says_why(reader, monkeypatch, caplog):
    monkeypatch.setattr(raw_gl, "unavailable_reason", lambda: "no OpenGL library")
    with caplog.at_level("INFO", "calf_gpu"):
        assert reader("auto").table.upload == "whole"
    assert "upload whole (no OpenGL library)" in caplog.text


def test_forced_way_that_is_impossible_is_refused_in_one_line(reader, monkeypatch):
    monkeypatch.setattr(raw_gl, "unavailable_reason", lambda: "no OpenGL library")
    with pytest.raises(ValueError, match="'partial' is not possible here: no OpenGL library") as error:
        reader("partial")
    assert "\n" not in str(error.value)


def test_bad_arguments_are_refused_in_one_line(reader):
    with pytest.raises(ValueError, match="upload must be one of auto, partial, whole, got 'fast'"):
        reader("fast")
    with pytest.raises(ValueError, match="at least 1"):
        reader(rows=0)
    shown = reader()
    with pytest.raises(ValueError, match=r"slot must be in 0\.\.6, got 7"):
        shown.table.write(SLOTS, np.zeros((ROWS, 4)))
    with pytest.raises(ValueError, match=r"shape \(5, 4\), got \(4, 4\)"):
        shown.table.write(0, np.zeros((4, 4)))
    with pytest.raises(ValueError, match="MAX_TEXTURE_BUFFER_SIZE"):
        shown.table.resize(2**30)
    assert shown.table.rows == ROWS
    shown.table.write(0, np.ones((ROWS, 4)))
    assert (shown.read()[0] == 1).all()


def test_both_ways_in_a_core_profile():
    result = run_script(
        """
        import sys; sys.path.insert(0, "tests/render")
        import numpy as np
        from direct.showbase.ShowBase import ShowBase
        from test_record_buffer import Reader
        base = ShowBase()
        for upload in ("partial", "whole"):
            shown = Reader(base, upload)
            expected = np.zeros(shown.table.records.shape, np.float32)
            for step in range(10):
                expected[step % 7] = step
                shown.table.write(step % 7, expected[step % 7])
                assert np.array_equal(shown.read(), expected), (upload, step)
            shown.close()
        print("same")
        """,
        profile="core",
    )
    assert result.stdout.split()[-1:] == ["same"], result.stderr
