"""Comparison of frames: measures against plain formulas, exit codes, messages and the page, from files to files."""

import base64
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from calf_gpu.app.stream.frame import Frame
from tools import compare_frames, frame_runs
from tools.frame_metrics import FrameError, compare, magnified_difference, read_frame
from tools.frame_recording import load_recording

FRAMES = st.shared(st.tuples(st.integers(7, 12), st.integers(7, 12)), key="size").flatmap(
    lambda size: arrays.arrays(np.uint8, (*size, 3))
)


def picture(seed=0, size=(24, 32)):
    """Return a smooth colour picture with structure, (height, width, 3)."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return np.asarray(small.resize(size[::-1], Image.Resampling.BICUBIC))


def save(path, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(path)
    return path


@given(a=FRAMES, b=FRAMES, threshold=st.integers(0, 255))
@settings(deadline=None)
def test_differences_equal_plain_formulas(a, b, threshold):
    found = compare(a, b, threshold, with_flip=False)
    levels = np.abs(a.astype(float) - b.astype(float))
    assert found.max_abs == levels.max()
    assert found.mean_abs == pytest.approx(levels.mean())
    assert found.share == pytest.approx((levels > threshold).any(axis=2).mean())
    assert found.ssim <= 1.0
    assert found.flip is None
    twice = compare(b, a, threshold, with_flip=False)
    assert (twice.max_abs, twice.mean_abs, twice.share) == (found.max_abs, found.mean_abs, found.share)


def test_ssim_equals_the_formula_of_the_paper():
    """Wang et al. (2004), uniform 7×7 windows, sample covariance, mean over windows and channels."""
    a, b = picture(0).astype(float), picture(1).astype(float)
    values = []
    for row in range(a.shape[0] - 6):
        for column in range(a.shape[1] - 6):
            for channel in range(3):
                x = a[row : row + 7, column : column + 7, channel].ravel()
                y = b[row : row + 7, column : column + 7, channel].ravel()
                c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
                xy = np.cov(x, y)
                means = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
                values.append(means * (2 * xy[0, 1] + c2) / (xy[0, 0] + xy[1, 1] + c2))
    assert compare(picture(0), picture(1), with_flip=False).ssim == pytest.approx(np.mean(values), abs=1e-6)


def test_equal_frames_do_not_differ():
    found = compare(picture(), picture().copy())
    assert (found.max_abs, found.mean_abs, found.share, found.ssim, found.flip) == (0, 0.0, 0.0, 1.0, 0.0)


def test_flip_grows_with_the_visible_difference():
    white, black = np.full((32, 32, 3), 255, np.uint8), np.zeros((32, 32, 3), np.uint8)
    grey = np.full((32, 32, 3), 250, np.uint8)
    small, large = compare(white, grey).flip, compare(white, black).flip
    assert 0.0 < small < 0.2
    assert large > 0.9


def test_magnified_difference_is_cut_off_not_wrapped():
    a = np.zeros((7, 7, 3), np.uint8)
    b = a.copy()
    b[0, 0] = (1, 10, 200)
    for first, second in ((a, b), (b, a)):
        assert magnified_difference(first, second, 16)[0, 0].tolist() == [16, 160, 255]


def test_reading_drops_transparency_and_keeps_colours(tmp_path):
    frame = picture()
    rgba = np.dstack([frame, np.full(frame.shape[:2], 7, np.uint8)])
    assert np.array_equal(read_frame(save(tmp_path / "a.png", rgba)), frame)


@pytest.fixture
def folders(tmp_path):
    """Two folders of three frames: equal, slightly and badly different."""
    for number in range(3):
        frame = picture(number)
        save(tmp_path / "a" / f"frame_{number:06}.png", frame)
        changed = frame.copy()
        if number == 1:
            changed[5:8, 5:8] ^= 0b100
        if number == 2:
            changed[:12] = 255 - changed[:12]
        save(tmp_path / "b" / f"frame_{number:06}.png", changed)
    return tmp_path


def run(capsys, *arguments):
    """Return exit code, lines on stdout and lines on stderr."""
    code = compare_frames.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_folders_are_listed_worst_first_and_over(folders, capsys):
    code, out, err = run(capsys, folders / "a", folders / "b")
    assert code == 1
    assert [line.split()[0] for line in out[1:4]] == [f"frame_{n:06}.png" for n in (2, 1, 0)]
    assert "3 frames compared, 1 over a threshold" in out[-1]
    assert "ssim" in out[1]
    assert err == []


def test_two_files_within_and_over(folders, capsys):
    one, other = folders / "a" / "frame_000002.png", folders / "b" / "frame_000002.png"
    assert run(capsys, one, one)[0] == 0
    assert run(capsys, one, other, "--no-flip")[0] == 1


@pytest.mark.parametrize(
    ("option", "within", "beyond"),
    [
        ("--max-abs", 4, 3),
        ("--mean-abs", 0.05, 0.04),
        ("--share", 0.0118, 0.0117),
        ("--ssim", 0.9, 0.99999),
        ("--flip", 0.05, 0.0),
    ],
)
def test_thresholds_are_inclusive_options(folders, capsys, option, within, beyond):
    """9 of 768 pixels differ by 4 levels in three channels: mean 0.046875, share 0.01171875."""
    pair = [folders / side / "frame_000001.png" for side in "ab"]
    others = ["--pixel-threshold", 3, "--share", 1]
    assert run(capsys, *pair, *others, option, within)[0] == 0
    assert run(capsys, *pair, *others, option, beyond)[0] == 1


def test_pixels_count_above_the_pixel_threshold(folders, capsys):
    pair = [folders / side / "frame_000001.png" for side in "ab"]
    assert run(capsys, *pair, "--share", 0, "--pixel-threshold", 4)[0] == 0
    assert run(capsys, *pair, "--share", 0, "--pixel-threshold", 3)[0] == 1


def test_json_tells_everything_by_name(folders, capsys):
    file = folders / "out.json"
    run(capsys, folders / "a", folders / "b", "--json", file, "--no-flip")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert [frame["name"] for frame in content["frames"]] == [f"frame_{n:06}.png" for n in range(3)]
    assert content["frames"][0]["mean_abs"] == 0
    assert content["frames"][1]["max_abs"] == 4
    assert content["frames"][1]["flip"] is None
    assert content["frames"][2]["over"] == ["mean_abs", "share", "ssim"]
    assert content["thresholds"] == {"mean_abs": 1.0, "share": 0.01, "ssim": 0.98, "flip": 0.02}
    assert content["problems"] == []


def embedded(text):
    """Return the pictures embedded in a page, in order."""
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
        for data in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    ]


def test_page_is_self_contained_and_shows_the_worst_frames(folders, capsys):
    file = folders / "out.html"
    run(capsys, folders / "a", folders / "b", "--html", file, "--html-frames", 2, "--magnify", 8, "--no-flip")
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=['\"](?!data:)", text)
    pictures = embedded(text)
    assert len(pictures) == 6
    for first, name in ((0, "frame_000002.png"), (3, "frame_000001.png")):
        a, b = (read_frame(folders / side / name) for side in "ab")
        assert np.array_equal(pictures[first], a)
        assert np.array_equal(pictures[first + 1], b)
        assert np.array_equal(pictures[first + 2], magnified_difference(a, b, 8))


def test_text_on_the_page_is_escaped(folders, capsys):
    save(folders / "a" / "<b>&.png", picture())
    run(capsys, folders / "a", folders / "b", "--html", folders / "out.html", "--no-flip")
    text = (folders / "out.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;.png: only in" in text
    assert "<b>&" not in text


def test_each_frame_that_cannot_be_compared_is_one_line(folders, capsys):
    save(folders / "a" / "only_a.png", picture())
    save(folders / "b" / "only_b.png", picture())
    for side, size in (("a", (24, 32)), ("b", (20, 30))):
        save(folders / side / "size.png", picture(size=size))
        save(folders / side / "tiny.png", picture(size=(6, 9)))
        save(folders / side / "text.png", picture())
        save(folders / side / "cut.png", picture())
    (folders / "a" / "text.png").write_text("not a picture")
    cut = folders / "b" / "cut.png"
    cut.write_bytes(cut.read_bytes()[:100])
    code, out, err = run(capsys, folders / "a", folders / "b", "--no-flip")
    assert code == 2
    assert sorted(err) == sorted(
        [
            f"only_a.png: only in {folders / 'a'}",
            f"only_b.png: only in {folders / 'b'}",
            "size.png: sizes differ: 32x24 and 30x20",
            "tiny.png: 9x6 pixels, accepted are 7x7 and larger",
            f"{folders / 'a' / 'text.png'}: not a PNG file",
            *[line for line in err if line.startswith(f"{cut}: broken PNG: ")],
        ]
    )
    assert len(err) == 6
    assert "3 frames compared, 1 over a threshold, 6 could not be compared" in out[-1]


def test_what_is_not_there_or_empty_is_said(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    save(tmp_path / "full" / "a.png", picture())
    full, empty, nowhere = tmp_path / "full", tmp_path / "empty", tmp_path / "nowhere"
    assert run(capsys, full, nowhere)[::2] == (2, [f"{nowhere}: no such file or folder"])
    assert run(capsys, full, empty)[::2] == (2, [f"{empty}: no PNG files"])
    code, _, (line,) = run(capsys, full, full / "a.png")
    assert code == 2
    assert "compare two files or two folders" in line


@pytest.mark.parametrize(
    "arguments", [[], ["a"], ["a", "b", "c"], ["a", "b", "--run=", "--run="], ["--run=--baseline"]]
)
def test_anything_but_two_is_refused(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        compare_frames.main(arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("needs two files, two folders, or --run twice")


def test_a_missing_flip_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "flip_evaluator", None)
    with pytest.raises(FrameError, match="flip-evaluator"):
        compare(picture(0), picture(1))


def test_runs_that_simulate_different_things_are_refused(capsys):
    code, _, err = run(capsys, "--run=--n-agents 3", "--run=--n-agents 4")
    assert code == 2
    assert err == ["both runs show the same frames and must agree in n_agents, got 3 and 4"]


def test_options_a_run_does_not_have_are_refused(capsys):
    code, _, (line,) = run(capsys, "--run", "--baseline", "--run", "--gpu-hights")
    assert code == 2
    assert "--gpu-hights" in line


def recorded(path):
    return [message for message in load_recording(path) if isinstance(message, Frame)]


def test_both_runs_show_one_recording(tmp_path, monkeypatch, capsys):
    """The program is replaced by something that draws the agents' states as pixels."""
    shown = []

    def show(recording, options, seed, every, folder):
        frames = recorded(recording)
        shown.append((options, seed, every, [frame.number for frame in frames]))
        for frame in frames[::every]:
            level = np.uint8(255 * (0.5 + 0.5 * np.tanh(frame.now.states[1:, :2].sum())))
            save(folder / frame_runs.CAPTURED_FRAME.format(frame.number), np.full((8, 8, 3), level))

    monkeypatch.setattr(frame_runs, "_show", show)
    arguments = ["--run=--baseline", "--run=--gpu-heights", "--frames", 7, "--every", 3, "--seed", 5]
    code, out, err = run(capsys, *arguments, "--keep", tmp_path / "kept", "--html", tmp_path / "page.html")
    assert (code, err) == (0, [])
    assert shown == [(options, 5, 3, list(range(7))) for options in ("--baseline", "--gpu-heights")]
    assert "3 frames compared, 0 over" in out[-1]
    names = sorted(path.name for path in (tmp_path / "kept" / "b").iterdir())
    assert names == [f"frame_{step:06}.png" for step in (0, 3, 6)]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "A: --baseline" in page
    assert "B: --gpu-heights" in page


def test_the_seed_decides_the_recording(tmp_path):
    def states(seed):
        frame_runs.record(frame_runs.read_options("--n-agents 4", seed), 3, tmp_path / "recording")
        return np.array([frame.now.states for frame in recorded(tmp_path / "recording")])

    assert np.array_equal(states(1), states(1))
    assert not np.array_equal(states(1), states(2))
