"""The picture inside somebody else's program: their Ctrl-C stays theirs."""

from __future__ import annotations

import sys

import pytest

from offscreen import run_script

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

START = """
import os, signal
from calf_gpu.app.visuals.window import Window

window = Window((64, 36), offscreen=True, vsync=False)
heard = []

def theirs(number, frame):
    heard.append(number)

def press_ctrl_c(task):
    os.kill(os.getpid(), signal.SIGINT)
    return task.done
"""

OWN_HANDLER = """
signal.signal(signal.SIGINT, theirs)
during = []

def look(task):
    during.append(signal.getsignal(signal.SIGINT))
    return task.cont

window.app.taskMgr.add(look, "look")
for _ in range(3):
    window.step()
    window.draw()
    assert signal.getsignal(signal.SIGINT) is theirs
assert during == [theirs] * 3, during
window.app.taskMgr.add(press_ctrl_c, "ctrl-c")
for _ in range(3):
    window.step()
assert heard == [signal.SIGINT], heard
assert len(during) == 6, "the tasks go on"
"""

NO_HANDLER = """
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    for step in range(3):
        window.step()
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    heard.append("interrupt")
assert heard == ["interrupt"], heard
window.step()
window.draw()
"""


@pytest.mark.parametrize("script", [OWN_HANDLER, NO_HANDLER], ids=["own handler", "no handler"])
def test_a_program_keeps_its_ctrl_c_while_the_picture_steps(script):
    done = run_script(START + script)
    assert done.returncode == 0, done.stderr[-2000:]


IN_A_TASK = """
signal.signal(signal.SIGINT, signal.default_int_handler)
window.app.taskMgr.add(press_ctrl_c, "ctrl-c")
try:
    for _ in range(3):
        window.step()
except KeyboardInterrupt:
    heard.append("interrupt")
assert heard == ["interrupt"], heard
"""


def test_a_ctrl_c_inside_a_step_is_raised_out_of_it():
    done = run_script(START + IN_A_TASK)
    assert done.returncode == 0, done.stderr[-2000:]
