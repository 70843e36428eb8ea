"""Pictures of the run: captured frames as PNG, and for offscreen runs a preview picture and video."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from panda3d.core import GraphicsOutput, Texture
from PIL import Image

from calf_gpu.app.utils.atomic_files import cannot_write, write_atomically
from calf_gpu.app.visuals.window import Window

VIDEO_RATE = 30
"""Pictures per second of the preview."""

VIDEO_PICTURES = 900
"""Longest preview; longer runs leave out more frames between two pictures."""


class FrameGrabber:
    """Reads drawn frames back; frames nobody asked for cost nothing."""

    def __init__(self, window: Window) -> None:
        self._output: GraphicsOutput = window.app.win
        self._texture = Texture("capture")
        self._output.add_render_texture(
            self._texture, GraphicsOutput.RTM_triggered_copy_ram, GraphicsOutput.RTP_color
        )

    def request(self) -> None:
        """Have the next frame drawn be read back."""
        self._output.trigger_copy()

    def pixels(self) -> NDArray[np.uint8]:
        """Return the frame last read back, (height, width, 3) sRGB, first row at the top."""
        width, height = self._texture.get_x_size(), self._texture.get_y_size()
        image = np.frombuffer(cast("bytes", self._texture.get_ram_image_as("RGB")), np.uint8)
        return np.ascontiguousarray(image.reshape(height, width, 3)[::-1])


class FrameCapture:
    """Writes what was asked for: every so-manyth frame to a folder, and the previews of an offscreen run.

    Parameters
    ----------
    window
        What is drawn to.
    folder, every
        Where every ``every``-th frame goes, as ``frame_000123.png``; no folder, no frames. Frames count from 1.
    preview_dir
        Folder for ``preview.png`` (the last frame) and ``preview.mp4``; None writes neither.
    frames
        Frames that the run will have, which sets the video's pace.
    video
        Whether to write the video.
    """

    def __init__(
        self,
        window: Window,
        folder: Path | None,
        every: int,
        preview_dir: Path | None,
        frames: int,
        video: bool = True,
    ) -> None:
        self._grabber = FrameGrabber(window)
        self._folder = folder
        self._every = every
        self._preview_dir = preview_dir
        self._video_every = max(2, -(-frames // VIDEO_PICTURES))
        self._video = Video(preview_dir / "preview.mp4") if preview_dir and video else None
        self._wanted = False

    def before_draw(self, number: int) -> None:
        """Say that frame ``number`` (from 1) is about to be drawn."""
        self._wanted = self._due(number) or self._filmed(number)
        if self._wanted:
            self._grabber.request()

    def after_draw(self, number: int) -> None:
        """Write what is due of frame ``number``."""
        if not self._wanted:
            return
        pixels = self._grabber.pixels()
        if self._folder is not None and self._due(number):
            write_png(self._folder / f"frame_{number:06}.png", pixels)
        if self._video is not None and self._filmed(number):
            self._video.add(pixels)

    def close(self, window: Window) -> list[Path]:
        """Finish the video, write the preview picture and return the files of the preview."""
        if self._preview_dir is None:
            return []
        self._grabber.request()
        window.draw()
        picture = self._preview_dir / "preview.png"
        write_png(picture, self._grabber.pixels())
        video = self._video.close() if self._video is not None else None
        return [picture, video] if video is not None else [picture]

    def discard(self) -> None:
        """Delete what is unfinished; nothing after :meth:`close`."""
        if self._video is not None:
            self._video.discard()

    def _due(self, number: int) -> bool:
        return self._folder is not None and number % self._every == 0

    def _filmed(self, number: int) -> bool:
        return self._video is not None and number % self._video_every == 0


class Video:
    """An H.264 file that grows picture by picture and appears under its name when it is complete."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.stem}.part{path.suffix}")
        self._writer: Generator[None, bytes, None] | None = None
        self._size = (0, 0)

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Append a picture, (height, width, 3); those of another size than the first are left out.

        Raises
        ------
        OSError
            In one line that names the file, if it cannot be written; nothing is left of it then.
        """
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2  # H.264 wants even sizes
        try:
            if self._writer is None:
                self._size = (width, height)
                self._writer = self._open()
            if (width, height) == self._size:
                self._writer.send(np.ascontiguousarray(pixels[:height, :width]).tobytes())
        except OSError as error:
            self.discard()
            raise self._failed(error) from None

    def close(self) -> Path | None:
        """Finish the file and return its path; None if no picture came. Raises OSError as :meth:`add` does."""
        if self._writer is None:
            return None
        writer, self._writer = self._writer, None
        try:
            writer.close()
            if b"moov" not in self._part.read_bytes():  # the index, which comes last
                raise OSError("the encoder stopped early")
            self._part.replace(self._path)
        except OSError as error:
            self.discard()
            raise self._failed(error) from None
        return self._path

    def discard(self) -> None:
        """Stop the encoder and delete what it has written, unless the file is complete."""
        writer, self._writer = self._writer, None
        with suppress(OSError):
            if writer is not None:
                writer.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _open(self) -> Generator[None, bytes, None]:
        import imageio_ffmpeg

        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._part.write_bytes(b"")  # the encoder's own message would not be one line
        writer = imageio_ffmpeg.write_frames(
            str(self._part),
            self._size,
            fps=VIDEO_RATE,
            quality=7,
            macro_block_size=2,
            ffmpeg_log_level="quiet",
            output_params=["-preset", "veryfast", "-threads", "1"],
        )
        next(writer)
        return writer

    def _failed(self, error: OSError) -> OSError:
        """Return the error for the user; the encoder's own has its whole log for a text and no number."""
        if error.errno is None:
            error = OSError("the encoder stopped early (is there room on the disk?)")
        return cannot_write(self._path, error)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write (height, width, 3) sRGB as PNG; the file appears complete or not at all, or OSError says why not."""
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, format="PNG", compress_level=3)
    write_atomically(path, png.getvalue())
