"""The program as ``python -m calf_gpu``."""

from calf_gpu.app.main import run

run()
