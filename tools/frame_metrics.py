"""How much two frames differ: absolute differences, SSIM and NVIDIA FLIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

Frame = NDArray[np.uint8]
"""(height, width, 3) uint8, sRGB."""

SMALLEST = 7
"""SSIM compares windows of this many pixels: no side may be shorter."""


class FrameError(ValueError):
    """A frame cannot be read or two frames cannot be compared; the text is one line for the user."""


@dataclass(frozen=True)
class Difference:
    """How much two frames differ.

    Attributes
    ----------
    max_abs, mean_abs
        Largest and mean absolute difference over pixels and channels, in levels of 0 to 255.
    share
        Share of pixels, 0 to 1, with a channel that differs by more than the pixel threshold.
    ssim
        Structural similarity (Wang et al., 2004), 1 for equal frames.
    flip
        Mean NVIDIA FLIP error (Andersson et al., 2020), 0 to 1 at 67 pixels a degree, the first frame being the
        reference; ``None`` where it was not asked for.
    """

    max_abs: int
    mean_abs: float
    share: float
    ssim: float
    flip: float | None


def read_frame(path: Path) -> Frame:
    """Return a PNG as RGB; transparency is dropped.

    Raises
    ------
    FrameError
        If the file cannot be read, is no PNG or is damaged.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise FrameError(f"{path}: not a PNG file") from None
    except FileNotFoundError:
        raise FrameError(f"{path}: no such file") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(f"{path}: broken PNG: {' '.join(str(error).split())}") from None


def compare(a: Frame, b: Frame, pixel_threshold: int = 8, with_flip: bool = True) -> Difference:
    """Compare two frames of the same size.

    Parameters
    ----------
    a, b
        Reference and the frame to judge.
    pixel_threshold
        Level difference above which a pixel counts into :attr:`Difference.share`.
    with_flip
        Whether to compute FLIP, which takes seconds for a large frame.

    Raises
    ------
    FrameError
        If the sizes differ, a side is shorter than 7 pixels, or FLIP is wanted and not installed.
    """
    if a.shape != b.shape:
        raise FrameError(f"sizes differ: {_size(a)} and {_size(b)}")
    if min(a.shape[:2]) < SMALLEST:
        raise FrameError(f"{_size(a)} pixels, accepted are {SMALLEST}x{SMALLEST} and larger")
    levels = absolute_difference(a, b)
    equal = not levels.any()
    return Difference(
        max_abs=int(levels.max()),
        mean_abs=float(levels.mean()),
        share=float((levels.max(axis=2) > pixel_threshold).mean()),
        ssim=1.0 if equal else _ssim(a, b),
        flip=None if not with_flip else 0.0 if equal else _flip(a, b),
    )


def absolute_difference(a: Frame, b: Frame) -> Frame:
    """Return |a − b| in levels, without wrapping."""
    return np.maximum(a, b) - np.minimum(a, b)


def magnified_difference(a: Frame, b: Frame, factor: int) -> Frame:
    """Return |a − b| times ``factor``, cut off at 255: what one looks at to find small differences."""
    return np.minimum(absolute_difference(a, b).astype(np.uint16) * factor, 255).astype(np.uint8)


def _ssim(a: Frame, b: Frame) -> float:
    from skimage.metrics import structural_similarity

    return float(structural_similarity(a, b, channel_axis=2, data_range=255))


def _flip(a: Frame, b: Frame) -> float:
    try:
        import flip_evaluator
    except ImportError:
        raise FrameError("FLIP needs the package flip-evaluator; install it or use --no-flip") from None
    reference, test = (np.ascontiguousarray(frame, dtype=np.float32) / 255.0 for frame in (a, b))
    _, mean, _ = flip_evaluator.evaluate(reference, test, "LDR", applyMagma=False)
    return float(mean)


def _size(frame: Frame) -> str:
    return f"{frame.shape[1]}x{frame.shape[0]}"
