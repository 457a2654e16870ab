"""Run our method and its peers on the same tasks, each in an environment of its own, and keep one result each.

A result is RESULTS/KIND/SET/METHOD-SEED.json: seconds, peak memory, version and metrics, or the reason for none. What
is there is not run again, so that an interrupted run is resumed by the same command; ``--again METHOD`` runs it again.

    python benchmarks/peers/run.py transfer ../shared/data -o RESULTS --sets skin pancreas --methods smile celltypist
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from environments import PeerError, find_rscript, make_environment, measure_process
from method_table import Method, read_methods
from sets import KINDS, Kind, load_kind

SCRIPTS = Path(__file__).with_name("methods")
CHECKOUT = Path(__file__).parents[2]


def find_interpreter(name: str, method: Method, environments: Path) -> list[str]:
    """Return the command that runs scripts of a method; make its environment unless it is there."""
    if method.script.endswith(".R"):
        return [find_rscript(method.packages)]
    folder = environments / (method.environment or name)
    python = make_environment(folder, method.packages) if method.packages else sys.executable
    return [python, "-E", "-W", "ignore"]  # -E: no PYTHONPATH


def run_method(
    command: list[str], kind: Kind, task: Path, truth: object, *, seed: int, kept: Path, limit: int, memory_gb: int
) -> dict[str, Any]:
    """Return the result of a method on a task, and keep files of its output under names that begin like ``kept``.

    Raises
    ------
    PeerError
        If it fails, exceeds a limit, or gives no proper output.
    """
    with tempfile.TemporaryDirectory() as folder:
        used, printed = measure_process([*command, str(task), folder, str(seed)], limit, memory_gb)
        try:
            told = json.loads(printed.splitlines()[-1])
        except (ValueError, IndexError) as error:
            raise PeerError("printed no figures as its last line") from error
        try:
            metrics = kind.measure(Path(folder), truth)
        except FileNotFoundError as error:
            raise PeerError(f"did not write {Path(error.filename).name}") from error
        except (ValueError, KeyError) as error:
            raise PeerError(f"gave no proper output: {error}") from error
        for name in kind.kept:
            shutil.copyfile(Path(folder) / name, kept.with_name(f"{kept.name}-{name}"))
    return {"cpu_s": used["CPU"], "wall_s": used["wall"], "peak_mb": used["peak, MB"], **told, "metrics": metrics}


def run_task(
    kind: Kind, methods: dict[str, Method], name: str, seed: int, results: Path, arguments: argparse.Namespace
) -> bool:
    """Run the methods that have no result yet on a task; return whether the set has a split of this seed."""
    pending = {each: method for each, method in methods.items() if not (results / f"{each}-{seed}.json").exists()}
    if not pending:
        return True
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder)
        truth = kind.write_task(arguments.data, name, seed, task)
        if truth is None:
            return False
        results.mkdir(parents=True, exist_ok=True)
        for each, method in pending.items():
            kept = results / f"{each}-{seed}"
            limits = {"limit": arguments.limit, "memory_gb": arguments.memory}
            try:
                command = [*find_interpreter(each, method, arguments.environments), str(SCRIPTS / method.script)]
                result = run_method(command, kind, task, truth, seed=seed, kept=kept, **limits)
            except PeerError as error:
                result = {"reason": str(error)}
            print(f"{name}, {each}, seed {seed}: {result.get('reason') or result['metrics']}", flush=True)
            about = {"set": name, "method": each, "seed": seed}
            kept.with_name("part").write_text(json.dumps({**about, **result}, indent=1), "utf-8")
            kept.with_name("part").rename(results / f"{each}-{seed}.json")
    return True


def forget(results: Path, methods: Iterable[str]) -> None:
    """Delete the results of methods."""
    for method in methods:
        for path in results.glob(f"*/{method}-[0-9]*"):
            path.unlink()


def main(given: list[str] | None = None) -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of results")
    parser.add_argument("--sets", nargs="+", help="names of data sets [default: all]")
    parser.add_argument("--methods", nargs="+", help="names of methods [default: all]")
    parser.add_argument("--again", nargs="+", default=[], metavar="METHOD", help="methods to run again")
    parser.add_argument("--seeds", type=int, default=3, help="splits and random seeds [default: 3]")
    parser.add_argument("--limit", type=int, default=1_800, help="CPU seconds of a run [default: 1,800]")
    parser.add_argument("--memory", type=int, default=14, help="GB of a run [default: 14]")
    parser.add_argument("--environments", type=Path, default=CHECKOUT / ".peers", help="folder [default: .peers]")
    arguments = parser.parse_args(given)
    kind, methods = load_kind(arguments.kind), read_methods(arguments.kind)
    for known, chosen in ((kind.names, arguments.sets), (methods, [*(arguments.methods or []), *arguments.again])):
        if unknown := set(chosen or []) - set(known):
            parser.error(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
    results = arguments.output / arguments.kind
    forget(results, arguments.again)
    chosen = {name: method for name, method in methods.items() if name in (arguments.methods or methods)}
    for name in arguments.sets or kind.names:
        for seed in range(arguments.seeds):
            if not run_task(kind, chosen, name, seed, results / name, arguments):
                break


if __name__ == "__main__":
    main()
