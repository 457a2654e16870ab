"""Wall time of importing smile_runtime and of ``smile-zoo --help`` and ``list``, in processes of their own.

Each is a new process, started in turns with ``python -c pass``, whose time says what Python itself takes here. One run
of each comes first and does not count, so that files are in the cache and byte code is written. Also listed: which of
the heavy packages ``import smile_runtime`` loads; it should be none.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from machine import cpu_model

HEAVY = ("torch", "anndata", "onnxruntime")
SMILE_ZOO = Path(sys.executable).with_name("smile-zoo")
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import smile_runtime": [sys.executable, "-c", "import smile_runtime"],
    "smile-zoo --help": [str(SMILE_ZOO), "--help"],
    "smile-zoo list": [str(SMILE_ZOO), "list"],
}
GOALS_S = {"import smile_runtime": 0.3, "smile-zoo --help": 0.5, "smile-zoo list": 0.5}


def seconds(command: list[str]) -> float:
    """Return the wall time of a command.

    Raises
    ------
    SystemExit
        If it cannot be run or fails.
    """
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        sys.exit(f"there is no command {command[0]}; install the project with: pip install -e .")
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["it wrote nothing on stderr"]
        sys.exit(f"{' '.join(command)} failed with exit status {done.returncode}: {reason[0]}")
    return elapsed


def loaded_packages() -> list[str]:
    """Return which heavy packages are in ``sys.modules`` once smile_runtime is imported."""
    code = "import sys, smile_runtime; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return sorted(set(HEAVY) & set(done.stdout.split()))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Wall time of import smile_runtime, smile-zoo --help and list.")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def main() -> None:
    """Run the benchmark."""
    arguments = parse_arguments()
    for command in COMMANDS.values():
        seconds(command)
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(arguments.repeats)]
    bare = [each["python -c pass"] for each in rounds]
    results = {}
    for name in COMMANDS:
        times = [each[name] for each in rounds]
        ratio = statistics.median(taken / base for taken, base in zip(times, bare, strict=True))
        results[name] = {"median_s": statistics.median(times), "ratio_to_python": ratio, "goal_s": GOALS_S.get(name)}
    report: dict[str, Any] = {"cpu": cpu_model(), "python": sys.version.split()[0], "loaded": loaded_packages()}
    if arguments.json:
        print(json.dumps({**report, "results": results}))
        return
    print(f"cpu {report['cpu']}, python {report['python']}")
    print(f"{'command':<22} {'median':>8} {'over python':>12} {'goal':>8}")
    for name, row in results.items():
        goal = f"< {row['goal_s']} s" if row["goal_s"] else ""
        print(f"{name:<22} {row['median_s']:>6.3f} s {row['ratio_to_python']:>11.1f}x {goal:>8}")
    print(f"of {', '.join(HEAVY)}, import smile_runtime loads: {', '.join(report['loaded']) or 'none'}")


if __name__ == "__main__":
    main()
