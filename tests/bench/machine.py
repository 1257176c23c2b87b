"""What every benchmark prints alike: the machine, and figures as ratios to a baseline of the same run."""

import os
import platform
import re
import statistics
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

_MODEL = re.compile(r"^model name\s*:\s*(.+)$", re.MULTILINE)


def facts(*packages: str) -> str:
    """One line: processor, cores that may be used, load before the run, Python, and the versions of `packages`."""
    cpuinfo = Path("/proc/cpuinfo")
    model = _MODEL.search(cpuinfo.read_text()) if cpuinfo.exists() else None
    versions = (f"{package} {version(package)}" for package in packages)
    parts = (
        model[1] if model else platform.machine(),
        f"{len(os.sched_getaffinity(0))} cores",
        f"load {os.getloadavg()[0]:.1f}",
        f"Python {platform.python_version()}",
        *versions,
    )
    return ", ".join(parts)


def ratio(name: str, pairs: Iterable[tuple[float, float]]) -> str:
    """One line of (ours, baseline) pairs, measured alternately: the median of their ratios, and the span."""
    ratios = sorted(ours / baseline for ours, baseline in pairs)
    span = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    return f"{name:<40} {statistics.median(ratios):.2f} of the baseline (median of {len(ratios)}; {span})"
