"""One HTML page that shows compared frames side by side, without other files."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence

from PIL import Image

from tools.frame_metrics import Frame

_STYLE = """
body { background: #0B0F17; color: #E6EDF3; font: 14px/1.5 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 0.2em 0.9em; text-align: right; border-bottom: 1px solid #30363D; }
th:first-child, td:first-child { text-align: left; }
.over, .over td:first-child { color: #FB4F3A; }
.frames { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; }
.frames img { width: 100%; image-rendering: pixelated; }
figure { margin: 0; } figcaption, .dim { color: #8B98A9; }
"""


def page(
    title: str,
    names: tuple[str, str],
    verdict: str,
    problems: Iterable[str],
    header: Sequence[str],
    rows: Iterable[tuple[bool, Sequence[str]]],
    shown: Iterable[tuple[str, Sequence[Frame]]],
    factor: int,
) -> str:
    """Return the page.

    Parameters
    ----------
    title
        Heading.
    names
        What A and B are.
    verdict
        One sentence under the heading.
    problems
        Lines about frames that could not be compared.
    header, rows
        Table of all frames, worst first; a row is (whether it is over a threshold, cells).
    shown
        (caption, (A, B, magnified difference)) of the frames shown as pictures, worst first.
    factor
        Magnification of the difference.
    """
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "\n".join(_row(over, cells) for over, cells in rows)
    lines = "".join(f"<p class='over'>{html.escape(problem)}</p>" for problem in problems)
    captions = (f"A: {names[0]}", f"B: {names[1]}", f"difference × {factor}")
    pictures = "\n".join(_pictures(caption, captions, frames) for caption, frames in shown)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style></head>
<body><h1>{html.escape(title)}</h1>
<p>{html.escape(verdict)}</p>
{lines}
<table><tr>{head}</tr>
{body}
</table>
{pictures}
</body></html>
"""


def _row(over: bool, cells: Sequence[str]) -> str:
    text = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return f"<tr{' class=over' if over else ''}>{text}</tr>"


def _pictures(caption: str, captions: Sequence[str], frames: Sequence[Frame]) -> str:
    figures = "".join(
        f"<figure><img src='{_data_url(frame)}' alt=''><figcaption>{html.escape(text)}</figcaption></figure>"
        for text, frame in zip(captions, frames, strict=True)
    )
    return f"<h2>{html.escape(caption)}</h2><div class='frames'>{figures}</div>"


def _data_url(frame: Frame) -> str:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
