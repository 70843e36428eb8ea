"""The OpenGL calls that Panda3D does not offer, through ctypes: writing a part of a buffer, timer queries.

Panda3D uploads a buffer texture as a whole whenever one byte of it changed. :func:`load` gives
``glBufferSubData``, which writes a part. The calls act on the context that is current in the calling
thread: make them from a draw callback only.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

GL_NO_ERROR = 0
GL_COPY_WRITE_BUFFER = 0x8F37
"""A binding point that no drawing call reads, so that using it disturbs none of Panda3D's own bindings."""

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "glBindBuffer": (None, [ctypes.c_uint, ctypes.c_uint]),
    "glBufferSubData": (None, [ctypes.c_uint, ctypes.c_ssize_t, ctypes.c_ssize_t, ctypes.c_void_p]),
    "glGetError": (ctypes.c_uint, []),
    "glFlush": (None, []),
    "glGenQueries": (None, [ctypes.c_int, ctypes.c_void_p]),
    "glQueryCounter": (None, [ctypes.c_uint, ctypes.c_uint]),
    "glGetQueryObjectiv": (None, [ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p]),
    "glGetQueryObjectui64v": (None, [ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p]),
}


class RawGLError(RuntimeError):
    """Raw OpenGL cannot be had here, or refused a write."""


class RawGL:
    """Partial writes into OpenGL buffer objects of the current context.

    Parameters
    ----------
    resolve
        Gives the callable of an OpenGL function by its name; raises :class:`RawGLError` if there is none.
    """

    def __init__(self, resolve: Callable[[str], Any]) -> None:
        self._bind = resolve("glBindBuffer")
        self._write = resolve("glBufferSubData")
        self._get_error = resolve("glGetError")

    def write(self, buffer_id: int, spans: list[tuple[int, int, int]]) -> None:
        """Copy spans of memory into a buffer object.

        Parameters
        ----------
        buffer_id
            Name of the OpenGL buffer object.
        spans
            (offset in the buffer, number of bytes, address of the data) of each span; OpenGL has copied the
            data when the call returns.
        """
        self._bind(GL_COPY_WRITE_BUFFER, buffer_id)
        for offset, size, address in spans:
            self._write(GL_COPY_WRITE_BUFFER, offset, size, address)
        self._bind(GL_COPY_WRITE_BUFFER, 0)

    def clear_errors(self) -> None:
        """Forget the errors that other code left behind."""
        for _ in range(16):  # bounded: without a current context some drivers report an error forever
            if self._get_error() == GL_NO_ERROR:
                return

    def check(self) -> None:
        """Raise :class:`RawGLError` if a call since :meth:`clear_errors` failed; makes the driver wait."""
        error = self._get_error()
        if error != GL_NO_ERROR:
            raise RawGLError(f"glBufferSubData failed with OpenGL error 0x{error:04X}")


def load() -> RawGL:
    """Return the raw OpenGL calls of this system.

    On Windows a context must be current in the calling thread (``wglGetProcAddress`` belongs to a context).

    Raises
    ------
    RawGLError
        No OpenGL library or no such function; the message is one line.
    """
    return RawGL(resolver())


def resolver() -> Callable[[str], Any]:
    """Return the function that gives the callable of an OpenGL function listed here; raises as :func:`load`."""
    return _windows_resolver() if sys.platform == "win32" else _library_resolver()


def unavailable_reason() -> str | None:
    """Return why raw OpenGL cannot be had here, or None if nothing speaks against it. Needs no context."""
    if sys.platform == "win32":
        return None  # opengl32.dll is part of the system; its functions show only in a current context
    try:
        _library()
    except RawGLError as error:
        return str(error)
    return None


@cache
def _library() -> ctypes.CDLL:
    """Open the OpenGL library, the one that Panda3D's pipes use too.

    With glvnd, libOpenGL and libGL pass each call on to the current context, whether EGL or GLX made it.
    """
    if sys.platform == "darwin":
        candidates = ["/System/Library/Frameworks/OpenGL.framework/OpenGL"]
    else:
        candidates = ["libOpenGL.so.0", "libGL.so.1"]
    for name in candidates:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise RawGLError(f"no OpenGL library to load (tried {', '.join(candidates)})")


def _library_resolver() -> Callable[[str], Any]:
    library = _library()

    def resolve(name: str) -> Any:
        function = getattr(library, name, None)
        if function is None:
            raise RawGLError(f"the OpenGL library has no {name}")
        function.restype, function.argtypes = _PROTOTYPES[name]
        return function

    return resolve


def _windows_resolver() -> Callable[[str], Any]:
    library = ctypes.WinDLL("opengl32")  # type: ignore[attr-defined,unused-ignore]
    get_address = library.wglGetProcAddress
    get_address.restype, get_address.argtypes = ctypes.c_void_p, [ctypes.c_char_p]

    def resolve(name: str) -> Any:
        result, arguments = _PROTOTYPES[name]
        address = get_address(name.encode())
        # Functions of OpenGL 1.1 live in the library itself; failures show as 0, 1, 2, 3 or -1.
        if address in (None, 1, 2, 3, ctypes.c_void_p(-1).value):
            function = getattr(library, name, None)
            if function is None:
                raise RawGLError(f"the OpenGL driver has no {name}, or no context is current")
            function.restype, function.argtypes = result, arguments
            return function
        prototype = ctypes.WINFUNCTYPE(result, *arguments)  # type: ignore[attr-defined,unused-ignore]
        return prototype(address)

    return resolve
