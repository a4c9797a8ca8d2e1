"""The machine and the interpreter, as a reader of the figures must know them."""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path


def describe() -> dict[str, str]:
    """Names and texts for latest.md: processor, cores, memory, kernel, system, interpreter."""
    return {
        "processor": _first("/proc/cpuinfo", "model name", ":"),
        "cores": f"{os.cpu_count()}; the server on one, generator and database on another",
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal', ':').split()[0]) // 1024} MiB",
        "kernel": platform.release(),
        "system": _first("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "interpreter": f"{_interpreter()}, Python {platform.python_version()}, {_optimisation()}",
        "load before this was written": f"{os.getloadavg()[2]:.1f} (15 minutes)",
    }


def _first(file: str, name: str, mark: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(name):
            return line.partition(mark)[2].strip()
    return "unknown"


def _interpreter() -> str:
    """Where the interpreter itself lies; one below somebody's home is named by its file alone."""
    real = Path(sys.executable).resolve()
    return str(real) if real.is_relative_to("/usr") else real.name


def _optimisation() -> str:
    """Whether it was built with profile-guided optimisation, and how that is known."""
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return "built with --enable-optimizations (PGO)"
    package = _debian_package()
    if package:
        # Its sysconfig describes the shared library; debian/rules builds the interpreter itself by profile-opt.
        return f"Debian's {package}, whose interpreter is a PGO build (sysconfig does not tell)"
    return "not known to be a PGO build"


def _debian_package() -> str:
    query = shutil.which("dpkg-query")
    if query is None:
        return ""
    owner = _say(query, "-S", str(Path(sys.executable).resolve())).partition(":")[0]
    return _say(query, "-W", "-f", "${Package} ${Version}", owner) if owner else ""


def _say(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
