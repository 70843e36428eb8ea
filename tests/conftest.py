"""Fixtures: offscreen rendering on machines without a display."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from offscreen import PRC, Offscreen


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the pictures in tests/golden/")


@pytest.fixture(scope="session")
def base() -> Any:
    """The one ShowBase of the test process: plain Panda3D, z up, no display."""
    from direct.showbase.ShowBase import ShowBase
    from panda3d.core import load_prc_file_data

    load_prc_file_data("tests", PRC)
    return ShowBase()


@pytest.fixture
def offscreen(base: Any) -> Iterator[Callable[..., Offscreen]]:
    """Factory ``offscreen(width, height, floats=False, background=...)``; closed after the test."""
    made: list[Offscreen] = []

    def make(width: int, height: int, **options: Any) -> Offscreen:
        made.append(Offscreen(base, width, height, **options))
        return made[-1]

    yield make
    for buffer in made:
        buffer.close()
