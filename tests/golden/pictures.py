"""How a picture is held against its golden one, and what is left behind when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
RENDERER = FOLDER / "RENDERER.txt"
ARTIFACTS = FOLDER.parent / ".artifacts"

ATOL = 1
"""Levels of 0 to 255 by which any channel may differ on the renderer that made the golden picture."""

LOOSE_LEVELS, LOOSE_SHARE = 24, 0.005
"""On another version of the renderer at most this share of the pixels may differ by more than so many levels.

Without the CPU's AVX instructions llvmpipe's pictures differ by up to 15 levels in a dozen pixels; softpipe, another
rasterizer, stays below 0.01 % of such pixels, 0.5 % where there are lines.
"""

MAGNIFY = 16


def golden_file(name: str) -> Path:
    return FOLDER / f"{name}.png"


def read(path: Path) -> np.ndarray:
    """(H, W, 3) int16."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(np.int16)


def rewrite_goldens(pictures: Mapping[str, np.ndarray], renderer: str) -> None:
    """Replace all golden pictures, and the line that says which renderer made them."""
    for old in FOLDER.glob("*.png"):
        old.unlink()
    for name, picture in pictures.items():
        Image.fromarray(picture.astype(np.uint8)).save(golden_file(name), optimize=True)
    RENDERER.write_text(renderer + "\n")


def fault(picture: np.ndarray, golden: np.ndarray, same_renderer: bool) -> str | None:
    """What is wrong with a picture, None if nothing is."""
    if picture.shape != golden.shape:
        return f"is {picture.shape[1]}x{picture.shape[0]}, the golden one {golden.shape[1]}x{golden.shape[0]}"
    worst = np.abs(picture - golden).max(axis=-1)
    if same_renderer:
        wrong = int((worst > ATOL).sum())
        return f"{wrong} pixels differ by more than {ATOL}, at most by {worst.max()}" if wrong else None
    share = float((worst > LOOSE_LEVELS).mean())
    if share > LOOSE_SHARE:
        return f"{share:.2%} of the pixels differ by more than {LOOSE_LEVELS} (accepted {LOOSE_SHARE:.1%})"
    return None


def leave_artifacts(label: str, picture: np.ndarray, golden: np.ndarray) -> None:
    """Write LABEL-actual.png, -expected.png and -difference.png (magnified) for a person to look at."""
    ARTIFACTS.mkdir(exist_ok=True)
    pictures = {"actual": picture, "expected": golden}
    if picture.shape == golden.shape:
        pictures["difference"] = np.clip(np.abs(picture - golden) * MAGNIFY, 0, 255)
    for kind, pixels in pictures.items():
        Image.fromarray(pixels.astype(np.uint8)).save(ARTIFACTS / f"{label}-{kind}.png")
