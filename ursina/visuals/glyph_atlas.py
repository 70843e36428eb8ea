"""One texture with every glyph the HUD writes, rasterised at the size shown, and the layout of text.

Glyphs are placed on whole pixels and drawn one texel to a pixel, so that text is as sharp as FreeType makes
it. The sheet also holds what rounds corners and softens the edges of lines.
"""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from panda3d.core import SamplerState, Texture
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int, int]
"""sRGB and opacity, 0 to 255."""

Face = Literal["text", "title"]
Align = Literal["left", "right", "center"]

VERTEX = np.dtype([("position", "<f4", 3), ("color", "u1", 4), ("uv", "<f4", 2)])
"""One corner of a quad: pixels from the picture's top left with y down, colour, texture coordinates."""

CHARACTERS = (
    "".join(map(chr, range(32, 127)))
    + "".join(map(chr, range(0xA0, 0x100)))
    + "†‡νκλσμπθρεΔ‖≤≥≠≈−×·…–—→←↑↓✓✗•■▲▼∞½\u0304\u0307"
)
"""What can be written; anything else shows as a question mark."""

FONT_FILES: dict[Face, str] = {"text": "DejaVuSans.ttf", "title": "DejaVuSans-Bold.ttf"}

BLANK = -1
"""Number of a glyph that draws nothing."""

_Cell = tuple[float, ...]
"""Offset of a glyph's quad from the pen, its size, its corner in the sheet, two pixels each."""

_SHIFT: dict[Align, float] = {"left": 0.0, "center": 0.5, "right": 1.0}

_PROFILE = 32  # texels across a soft line
_ATLAS_WIDTH = 512


@dataclass(frozen=True)
class Run:
    """A piece of text in one face and colour.

    Attributes
    ----------
    x, y
        Pixels from the picture's top left to the anchor on the baseline.
    align
        Whether ``x`` is where the text starts, ends or has its middle.
    """

    x: float
    y: float
    text: str
    color: Color
    face: Face = "text"
    align: Align = "left"


class _Line(NamedTuple):
    """The glyphs that a text draws, how far behind its start their pens stand, and its advance in pixels."""

    numbers: array[int]
    pens: array[int]
    width: int


class _Glyphs(dict[str, tuple[int, int]]):
    """Number and advance by character; what cannot be written has those of the question mark."""

    def __missing__(self, character: str) -> tuple[int, int]:
        return self["?"]


class GlyphAtlas:
    """The texture and its tables for one size of text.

    Parameters
    ----------
    text_px, title_px
        Font sizes in pixels.
    corner_px
        Radius of rounded corners in pixels.

    Attributes
    ----------
    texture
        RGBA, white with coverage as opacity, drawn with nearest filtering.
    extent
        Pixels that letters of each face reach above (negative) and below their baseline.
    """

    def __init__(self, text_px: int, title_px: int, corner_px: int) -> None:
        fonts = {
            face: ImageFont.truetype(font_path(file), size, layout_engine=ImageFont.Layout.BASIC)
            for (face, file), size in zip(FONT_FILES.items(), (text_px, title_px), strict=True)
        }
        self.corner = corner_px
        boxes = {face: font.getbbox("Qg|†", anchor="ls") for face, font in fonts.items()}
        self.extent = {face: (int(box[1]), int(box[3])) for face, box in boxes.items()}
        self._sheet = _Sheet(_ATLAS_WIDTH)
        self._corner_cell = self._sheet.add(_corner_mask(corner_px))
        self._line_cell = self._sheet.add(_line_mask())
        cells = {
            face: {character: self._rasterise(font, character) for character in CHARACTERS}
            for face, font in fonts.items()
        }
        self._sheet_size = np.array([_ATLAS_WIDTH, self._sheet.height], np.float32)
        self._glyphs: dict[Face, _Glyphs] = {face: _Glyphs() for face in fonts}
        drawn: list[_Cell] = []
        for face, glyphs in self._glyphs.items():
            for character, (cell, advance) in cells[face].items():
                glyphs[character] = (len(drawn) if cell else BLANK), advance
                drawn += [cell] if cell else []
        # Labels never change, and numbers often return.
        self._layout = lru_cache(maxsize=512)(self._layout_afresh)
        self._templates = self._quads_at_origin(np.array(drawn, np.float32))
        self.texture = _texture(self._sheet.image())

    def width(self, text: str, face: Face = "text") -> int:
        """Return the advance of a text in pixels."""
        return self._layout(text, face).width

    def fit(self, text: str, width: float, face: Face = "text") -> str:
        """Return the text, cut with an ellipsis where it is wider than ``width`` pixels."""
        if self.width(text, face) <= width:
            return text
        while text and self.width(text + "…", face) > width:
            text = text[:-1]
        return text + "…"

    def runs(self, runs: Sequence[Run]) -> NDArray[np.void]:
        """Return (n, 4) :data:`VERTEX` quads of all glyphs of the runs, spaces left out."""
        numbers, pens = array("q"), array("q")
        counts: list[int] = []
        starts: list[tuple[int, int]] = []
        for run in runs:
            line = self._layout(run.text, run.face)
            numbers += line.numbers
            pens += line.pens
            counts.append(len(line.numbers))
            starts.append((round(run.x - _SHIFT[run.align] * line.width), round(run.y)))
        quads = self._templates[np.array(numbers, np.intp)]
        if numbers:
            places = np.array(starts, np.float32).repeat(counts, axis=0)
            places[:, 0] += np.array(pens, np.float32)
            quads["position"][..., :2] += places[:, None]
            quads["color"] = np.array([run.color for run in runs], np.uint8).repeat(counts, axis=0)[:, None]
        return quads

    def corners(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> NDArray[np.void]:
        """Return the four rounded corners of a rectangle, (4, 4) quads."""
        r = self.corner
        u, v = self._corner_cell[:2]
        quads = []
        # The sheet holds the top left corner; the others are its mirror images.
        for x, us in ((x0, (u, u + r)), (x1 - r, (u + r, u))):
            for y, vs in ((y0, (v, v + r)), (y1 - r, (v + r, v))):
                quad = rectangle(x, y, x + r, y + r, color)
                texels = np.array(
                    [(us[0], vs[0]), (us[0], vs[1]), (us[1], vs[1]), (us[1], vs[0])], np.float32
                )
                quad["uv"][0] = self._uv(texels)
                quads.append(quad)
        return np.concatenate(quads)

    def polyline(self, points: NDArray[np.floating], width: float, color: Color) -> NDArray[np.void]:
        """Return soft-edged segments between consecutive (n, 2) points in pixels; NaN leaves a gap."""
        points = np.asarray(points, np.float32)
        whole = np.isfinite(points[1:]).all(axis=1) & np.isfinite(points[:-1]).all(axis=1)
        start, end = points[:-1][whole], points[1:][whole]
        along = end - start
        length = np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-6)
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / length * ((width + 1.0) / 2.0)
        quads = np.zeros((len(start), 4), VERTEX)
        corners = np.stack([start + normal, start - normal, end - normal, end + normal], axis=1)
        quads["position"][..., :2] = corners
        u, v = self._line_cell[:2]
        across = np.array([(u + 2, v), (u + 2, v + _PROFILE), (u + 2, v + _PROFILE), (u + 2, v)], np.float32)
        quads["uv"] = self._uv(across)
        quads["color"] = color
        return quads

    def _rasterise(self, font: ImageFont.FreeTypeFont, character: str) -> tuple[_Cell | None, int]:
        left, top, right, bottom = font.getbbox(character, anchor="ls")
        advance = round(font.getlength(character))
        size = (int(right - left), int(bottom - top))
        if character.isspace() or min(size) <= 0:
            return None, advance
        mask = Image.new("L", size, 0)
        ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=font, anchor="ls")
        u, v, _, _ = self._sheet.add(mask)
        return (left, top, *size, u, v), advance

    def _layout_afresh(self, text: str, face: Face) -> _Line:
        glyphs = self._glyphs[face]
        numbers, pens, x = array("q"), array("q"), 0
        for character in text:
            number, advance = glyphs[character]
            if number != BLANK:
                numbers.append(number)
                pens.append(x)
            x += advance
        return _Line(numbers, pens, x)

    def _quads_at_origin(self, cells: NDArray[np.float32]) -> NDArray[np.void]:
        """Return the (glyphs, 4) quads of cells for a pen at the origin, colourless."""
        quads = np.zeros((len(cells), 4), VERTEX)
        corners = np.array([(0, 0), (0, 1), (1, 1), (1, 0)], np.float32)[None] * cells[:, None, 2:4]
        quads["position"][..., :2] = cells[:, None, :2] + corners
        quads["uv"] = self._uv(cells[:, None, 4:6] + corners)
        return quads

    def _uv(self, texels: NDArray[np.floating]) -> NDArray[np.floating]:
        return texels / self._sheet_size


def rectangle(x0: float, y0: float, x1: float, y1: float, color: Color) -> NDArray[np.void]:
    """Return a rectangle of one colour, (1, 4) quads; it needs no texture."""
    quads = np.zeros((1, 4), VERTEX)
    quads["position"][0, :, :2] = [(x0, y0), (x0, y1), (x1, y1), (x1, y0)]
    quads["color"] = color
    return quads


class _Sheet:
    """Rows of small masks packed into one picture of fixed width and growing height."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._placed: list[tuple[int, int, Image.Image]] = []
        self._x = self._y = self._row = 0

    def add(self, mask: Image.Image) -> tuple[int, int, int, int]:
        """Place a mask and return its left, top, width and height; cells stay one texel apart."""
        width, height = mask.size
        if self._x + width + 1 > self._width:
            self._x, self._y, self._row = 0, self._y + self._row + 1, 0
        place = (self._x, self._y, width, height)
        self._placed.append((self._x, self._y, mask))
        self._x += width + 1
        self._row = max(self._row, height)
        return place

    @property
    def height(self) -> int:
        return self._y + self._row + 1

    def image(self) -> NDArray[np.uint8]:
        """Return the picture, (height, width) coverage, first row at the top."""
        image = Image.new("L", (self._width, self.height), 0)
        for x, y, mask in self._placed:
            image.paste(mask, (x, y))
        return np.asarray(image)


def font_path(file: str) -> Path:
    """Return a DejaVu font file; Matplotlib ships them, and they have every sign the HUD writes."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise RuntimeError("the HUD's fonts come with Matplotlib, which is not installed")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / file


def _corner_mask(radius: int) -> Image.Image:
    """Return the coverage of a quarter disc, the top left corner of a rounded rectangle."""
    oversampled = radius * 8
    mask = Image.new("L", (oversampled, oversampled), 0)
    ImageDraw.Draw(mask).ellipse((0, 0, 2 * oversampled - 1, 2 * oversampled - 1), fill=255)
    return mask.resize((radius, radius), Image.Resampling.BOX)


def _line_mask() -> Image.Image:
    """Return the coverage across a line: soft by a third of the width on both sides."""
    across = (np.arange(_PROFILE) + 0.5) / _PROFILE
    coverage = np.clip(np.minimum(across, 1.0 - across) * 3.0, 0.0, 1.0)
    return Image.fromarray(np.repeat(np.round(coverage * 255).astype(np.uint8)[:, None], 4, axis=1))


def _texture(coverage: NDArray[np.uint8]) -> Texture:
    """Return white with the coverage as opacity; v = 0 is the first row."""
    height, width = coverage.shape
    texture = Texture("hud-atlas")
    texture.setup_2d_texture(width, height, Texture.T_unsigned_byte, Texture.F_rgba)
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., 3] = coverage
    texture.set_ram_image(pixels.tobytes())
    texture.set_minfilter(SamplerState.FT_nearest)
    texture.set_magfilter(SamplerState.FT_nearest)
    texture.set_wrap_u(SamplerState.WM_clamp)
    texture.set_wrap_v(SamplerState.WM_clamp)
    return texture
