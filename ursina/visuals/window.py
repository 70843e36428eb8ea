"""Start Ursina on the screen or offscreen, without its editor, its log lines and its traps.

Panda3D reads some settings only before the first ``ShowBase`` and allows one a process, so everything that
decides about the window stands here. Nothing in this module imports torch: the window is to show before that.
"""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import io
import os
import sys
from typing import TYPE_CHECKING

from panda3d.core import AsyncTaskManager, LVecBase4f, WindowProperties, load_prc_file_data

from calf_gpu.palette import BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Callable

    from ursina import Ursina

TITLE = "calf-gpu"
VERTICAL_FOV = 38.0
"""Field of view along the picture's height in degrees."""


class WindowError(RuntimeError):
    """No window and no offscreen buffer can be had; the text is one line for the user."""


def display_available() -> bool:
    """Whether a window can be opened: on Linux, whether an X server answers; elsewhere always true."""
    if not sys.platform.startswith("linux"):
        return True
    name = ctypes.util.find_library("X11")
    if not os.environ.get("DISPLAY") or name is None:
        return False
    x11 = ctypes.CDLL(name)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    display = x11.XOpenDisplay(None)
    if not display:
        return False
    x11.XCloseDisplay(ctypes.c_void_p(display))
    return True


class Window:
    """The picture: Ursina's application, its cameras and its size.

    Parameters
    ----------
    size
        Width and height in pixels.
    offscreen
        Draw into a buffer of the headless pipe instead of a window.
    core_profile
        Ask for an OpenGL 3.3 core context; always done on macOS, which has no other modern one.
    vsync
        Wait for the display's refresh; off where frames are timed.

    Attributes
    ----------
    app
        Ursina's ``ShowBase``.
    offscreen
        Whether there is no window.
    closed
        Set once the user closed the window.
    """

    def __init__(
        self, size: tuple[int, int], *, offscreen: bool, core_profile: bool = False, vsync: bool = True
    ) -> None:
        self.offscreen = offscreen
        self.closed = False
        self._known_size = self._windowed_size = size
        self._on_resize: list[Callable[[int, int], None]] = []
        load_prc_file_data("", _settings(offscreen, core_profile or sys.platform == "darwin", vsync))
        self.app = _start_ursina(size, offscreen)
        self._take_over_events()
        red, green, blue = map(float, BACKGROUND)
        self.app.win.set_clear_color(LVecBase4f(red, green, blue, 1.0))
        self._fit_lenses()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self.app.win.get_x_size(), self.app.win.get_y_size()

    @property
    def minimized(self) -> bool:
        """Whether the window is an icon, so that nobody sees what is drawn."""
        return not self.offscreen and self.app.win.get_properties().minimized

    @property
    def frame_seconds(self) -> float:
        """Seconds that the last frame took."""
        return self.app.clock.get_dt()

    def on_resize(self, callback: Callable[[int, int], None]) -> None:
        """Call ``callback(width, height)`` after every change of the size."""
        self._on_resize.append(callback)

    def step(self) -> None:
        """Run Ursina's tasks (input, entities) without drawing.

        ``taskMgr.step()`` would take the SIGINT handler of whoever embeds us, and swallow a Ctrl-C.
        """
        AsyncTaskManager.get_global_ptr().poll()

    def draw(self) -> None:
        """Draw one frame."""
        self.app.graphicsEngine.render_frame()

    def toggle_fullscreen(self) -> None:
        """Switch between the window and the whole screen."""
        if self.offscreen:
            return
        current = self.app.win.get_properties()
        wanted = WindowProperties()
        if current.fullscreen:
            wanted.set_size(*self._windowed_size)
        else:
            self._windowed_size = self.size
            pipe = self.app.win.get_pipe()
            wanted.set_size(pipe.get_display_width(), pipe.get_display_height())
        wanted.fullscreen = not current.fullscreen
        self.app.win.request_properties(wanted)

    def capture_mouse(self, captured: bool) -> None:
        """Hide the pointer and keep it in the window, or let it go."""
        if self.offscreen:
            return
        wanted = WindowProperties()
        wanted.cursor_hidden = captured
        wanted.mouse_mode = WindowProperties.M_confined if captured else WindowProperties.M_absolute
        self.app.win.request_properties(wanted)

    def close(self) -> None:
        """Release the window and the context."""
        self.app.destroy()

    def _take_over_events(self) -> None:
        """Draw when told instead of in a task, and lay out for ourselves when the size changes."""
        self.app.taskMgr.remove("igLoop")
        self.app.accept("aspectRatioChanged", self._resized)
        self.app.accept(f"{TITLE}-closed", self._closed)
        if not self.offscreen:
            self.app.win.set_close_request_event(f"{TITLE}-closed")
            # A change of size that keeps the ratio is no aspectRatioChanged event.
            self.app.accept("window-event", self._window_event)

    def _window_event(self, window: object) -> None:
        self.app.windowEvent(window)
        self._resized()

    def _closed(self) -> None:
        self.closed = True

    def _resized(self) -> None:
        if self.app.win is None or self.size == self._known_size:
            return
        self._known_size = self.size
        self._fit_lenses()
        for callback in self._on_resize:
            callback(*self.size)

    def _fit_lenses(self) -> None:
        """Match both lenses to the picture's shape; offscreen Ursina never sizes the one of its UI."""
        from ursina import camera

        width, height = self.size
        aspect = width / max(height, 1)
        camera.ui_lens.set_film_size(camera.ui_size * 0.5 * aspect, camera.ui_size * 0.5)
        lens = self.app.camLens
        lens.set_aspect_ratio(aspect)
        lens.set_min_fov(VERTICAL_FOV)
        lens.set_near_far(0.05, 100.0)


def _settings(offscreen: bool, core_profile: bool, vsync: bool) -> str:
    """Return Panda3D's settings, which must be made before the first ``ShowBase``."""
    lines = [
        "audio-library-name null",
        "m-dual 0",  # Ursina's dual transparency paints a core profile black
        f"sync-video {int(vsync and not offscreen)}",
        f"window-title {TITLE}",
        "notify-level-display error",
        "notify-level-glxdisplay error",
        "notify-level-egldisplay fatal",  # our own line says that there is no OpenGL
        "notify-level-ShowBase error",
        "notify-level-pgraph error",
        "notify-level-device fatal",  # containers have no /dev/input
        "print-pipe-types 0",
        "model-cache-dir",
    ]
    if offscreen:
        lines += ["load-display p3headlessgl", "aux-display p3headlessgl", "window-type offscreen"]
    if core_profile:
        lines += ["gl-version 3 3"]
    return "\n".join(lines)


def _start_ursina(size: tuple[int, int], offscreen: bool) -> Ursina:
    """Make Ursina's application without editor, splash, hot reloader and the lines it prints.

    Raises
    ------
    WindowError
        If there is no usable OpenGL.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        import ursina

        ursina.application.print_info = False
        ursina.application.print_warnings = False
        ursina.window.make_editor_gui = lambda: None
        try:
            app = ursina.Ursina(
                title=TITLE,
                size=size,
                borderless=False,
                development_mode=False,
                window_type="offscreen" if offscreen else "onscreen",
            )
        except Exception as error:  # ShowBase raises bare exceptions
            where = "offscreen buffer" if offscreen else "window"
            raise WindowError(f"no OpenGL {where} can be opened: {error}") from None
        ursina.destroy(ursina.application.hot_reloader)
    ursina.camera.overlay.hide()  # a transparent quad over the whole picture, blended in every frame
    ursina.mouse.enabled = False  # it casts a ray into the scene every frame
    return app
