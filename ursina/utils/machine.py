"""Facts about the computer a measurement was taken on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("numpy", "torch", "panda3d", "ursina")


def describe_machine() -> dict[str, Any]:
    """Return system, processor, cores usable by this process, memory and versions, as JSON types."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": _usable_cores(),
        "memory_mb": round(psutil.virtual_memory().total / 2**20),
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
    }


def resident_megabytes() -> float:
    """Return the resident set size of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


def _usable_cores() -> int:
    # cpu_count() tells the machine's cores, a container or taskset may allow fewer.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
