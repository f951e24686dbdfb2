"""What importing an operator adds to a process that has already imported ``airflow.sdk``.

Run: ``PYTHONPATH=tests python -m benchmarks.import_time [--runs 7] [--json FILE]``. Prints the median of
several fresh processes.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys

from benchmarks.results import save

MODULES = (
    "ims_airflow.operators.ims",
    "ims_airflow.sensors.ims",
    "ims_airflow.sensors.obs",
    "ims_airflow.triggers.ims",
)
PROGRAM = """
import sys, time
import airflow.sdk
from airflow.sdk import BaseOperator, BaseSensorOperator
before = len(sys.modules)
start = time.perf_counter()
__import__(sys.argv[1])
print((time.perf_counter() - start) * 1000, len(sys.modules) - before)
"""


def measure(module: str, runs: int) -> tuple[float, int]:
    """Return milliseconds and the number of modules that importing ``module`` adds."""
    times, modules = [], 0
    for _ in range(runs):
        output = subprocess.run(
            [sys.executable, "-c", PROGRAM, module], check=True, capture_output=True, text=True
        ).stdout.split()
        times.append(float(output[-2]))
        modules = int(output[-1])
    return statistics.median(times), modules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", help="where to write the results")
    options = parser.parse_args()
    measure(MODULES[0], 1)  # compiles and fills the page cache
    rows = {module: measure(module, options.runs) for module in MODULES}
    print(
        f"Python {platform.python_version()}, {platform.machine()}, median of {options.runs} fresh processes"
    )
    for module, (milliseconds, modules) in rows.items():
        print(f"{module:<28} {milliseconds:7.0f} ms   {modules:4d} modules")
    figures = {
        module: {"ms": round(milliseconds, 1), "modules": modules}
        for module, (milliseconds, modules) in rows.items()
    }
    save("import-time", figures, options.json)


if __name__ == "__main__":
    main()
