"""Wall time of pulling a space, compared with the Hub client's own download of the same files, and of verifying it.

Downloads eight files, 100 MB, from the fake Hub of the tests. Each pull and each download runs in its own process with
an empty cache; the two alternate, and the ratio is the median over rounds of our time divided by the client's in the
same round. Only the call is timed, not the imports. Our pull hashes every file; the client's download does not. Then
the pulled space is verified by reading every file, and with cached hashes.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from machine import cpu_model
from smile_runtime.manifest import parse_manifest, read_manifest
from smile_runtime.space.file_hashes import FileHashes
from smile_runtime.space.space import verify_files
from smile_zoo.catalogue import list_spaces

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/zoo"))
from fake_hub import FakeHub

REPO = "org/large"
N_BYTES = 100_000_000
MAX_RATIO = 1.15
_TIMED = """
import sys, time
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
import smile_zoo
start = time.perf_counter()
{call}
print(time.perf_counter() - start)
"""
CALLS = {
    "snapshot_download": "snapshot_download(sys.argv[1], revision=sys.argv[2])",
    "smile_zoo.pull": "smile_zoo.pull('@'.join(sys.argv[1:]))",
}


def large_space() -> dict[str, bytes]:
    """Return the files of a space like the packaged one, without training weights and with larger contents."""
    packaged = next(entry.packaged for entry in list_spaces() if entry.packaged)
    manifest = json.loads((packaged / "config.json").read_bytes())
    rng = np.random.default_rng(0)
    names = [name for name in manifest["files"] if not name.startswith("training/") and name != "README.md"]
    files = {"README.md": (packaged / "README.md").read_bytes()}
    files |= {name: rng.bytes(N_BYTES // len(names)) for name in names}
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)} for name, content in files.items()
    }
    return {**files, "config.json": json.dumps(manifest).encode()}


def seconds(call: str, commit: str, env: dict[str, str], home: Path) -> float:
    """Return the seconds that a call takes in a new process with its cache in ``home``."""
    command = [sys.executable, "-c", _TIMED.format(call=CALLS[call]), REPO, commit]
    done = subprocess.run(
        command, env={**env, "HF_HOME": str(home)}, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{call} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)


def verification_seconds(home: Path, commit: str) -> dict[str, float]:
    """Return the seconds for verifying a pulled space, by reading every file and with cached hashes."""
    path = home / "hub" / f"models--{REPO.replace('/', '--')}" / "snapshots" / commit
    times = {}
    with tempfile.TemporaryDirectory() as memory:
        for name in ("reading every file", "cached hashes"):
            start = time.perf_counter()
            hashes = FileHashes(path, Path(memory))
            verify_files(path, read_manifest(path), hashes)
            hashes.save()
            times[name] = time.perf_counter() - start
    return times


def measure(repeats: int) -> dict[str, object]:
    """Measure alternating pulls and downloads."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HTTP", "http"))}
    times: dict[str, list[float]] = {name: [] for name in CALLS}
    files = large_space()
    parse_manifest(files["config.json"], "the space of this benchmark")
    with FakeHub() as hub:
        commit = hub.create(REPO, files)
        env |= {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        for round_ in range(repeats + 1):
            for call in CALLS:
                with tempfile.TemporaryDirectory() as home:
                    elapsed = seconds(call, commit, env, Path(home))
                    if round_ > 0:  # the first round warms up
                        times[call].append(elapsed)
                    if call == "smile_zoo.pull":
                        verified = verification_seconds(Path(home), commit)
    ratios = [ours / theirs for ours, theirs in zip(times["smile_zoo.pull"], times["snapshot_download"], strict=True)]
    return {
        "processor": cpu_model(),
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "opening": verified,
    }


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description="Wall time of smile_zoo.pull compared with snapshot_download.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    results = measure(arguments.repeats)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{results['processor']}; {N_BYTES / 1e6:.0f} MB in 8 files, median of {arguments.repeats} rounds")
    for name, value in results["seconds"].items():
        print(f"{name:20} {value:.2f} s")
    spread = f"{min(results['ratios']):.2f} to {max(results['ratios']):.2f}"
    print(f"{'ratio':20} {results['ratio']:.2f} ({spread}; goal: at most {MAX_RATIO})")
    for name, value in results["opening"].items():
        print(f"verification, {name:18} {value * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
