"""The command against a Hub that answers with garbage: random bytes, web pages, endless bodies, redirects, silence.

Each try runs one command in a home of its own against the fake Hub of the tests. From one request on, once or for good,
the Hub answers in one of the bad ways. The command should end within a minute with a result or an error of one line,
print nothing that controls a terminal, and leave nothing half-written.
"""

import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/zoo"))
from fake_hub import OWNER_TOKEN, FakeHub, Request, Response  # noqa: E402 (a package of the tests)

COMMAND = Path(sys.executable).with_name("smile-zoo")
SPACE = ROOT / "zoo/smile_zoo/spaces/pbmc"
SECONDS = 60
HUGE = 40_000_000
COMMANDS = (
    ("pull", "org/pbmc"),
    ("pull", "org/pbmc", "--dry-run"),
    ("show", "org/pbmc"),
    ("search", "--hub", "p"),
    ("catalogue", "update", "--repo", "org/pbmc"),
    ("publish", str(SPACE), "org/new", "--tag", "v1"),
    ("publish", str(SPACE), "org/pbmc"),
    ("doctor",),
    ("cache", "list"),
    ("list",),
)
CONTROL = re.compile(r"[^\S \n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
EVIL_TEXT = "\x1b[2J\u202eevil\nError: forged\x07"
ODD_VALUES = (None, True, -1, 1e300, "", EVIL_TEXT, "/etc/passwd", "../../x", [], {}, [[]], {"a": [None]}, "x" * 10_000)


class Drip(bytes):
    """A body that is announced as long and comes as a byte every second."""

    def __len__(self) -> int:
        return HUGE

    def __getitem__(self, part: slice) -> bytes:  # type: ignore[override]
        if part.stop is None:
            return self
        time.sleep(1)
        return b"{"


def _mutated(value: object, rng: random.Random) -> object:
    """Return a JSON value in which one part is of another kind."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        return {**value, key: _mutated(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        index = rng.randrange(len(value))
        return [_mutated(each, rng) if i == index else each for i, each in enumerate(value)]
    return rng.choice(ODD_VALUES)


def _wrong_types(real: Response, rng: random.Random) -> Response:
    try:
        document = json.loads(real.body)
    except ValueError:
        return Response(real.status, rng.randbytes(100), real.headers)
    for _ in range(rng.randint(1, 3)):
        document = _mutated(document, rng)
    return Response(real.status, json.dumps(document).encode(), real.headers)


def _odd_headers(real: Response, rng: random.Random) -> Response:
    names = [*real.headers, "X-Repo-Commit", "ETag", "X-Linked-Etag", "Location", "X-Linked-Size", "Link"]
    value = rng.choice(["../../../x", "/tmp/x", "-1", "", "a" * 5000, "\\..\\x", "file:///etc/passwd"])
    return Response(real.status, real.body, {**real.headers, rng.choice(names): value}, real.is_file)


def _closed(_real: Response, _rng: random.Random) -> Response:
    raise ConnectionResetError


def _redirect(address: str) -> Callable[[Response, random.Random], Response]:
    return lambda _real, _rng: Response(302, b"moved", {"Location": address})


def _body(status: int, body: bytes, **headers: str) -> Callable[[Response, random.Random], Response]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _real, _rng: Response(status, body, sent)


GARBAGE: dict[str, Callable[[Response, random.Random], Response]] = {
    "random bytes": lambda _real, rng: Response(200, rng.randbytes(rng.randint(1, 5000))),
    "web page": _body(200, b"<!DOCTYPE html><title>Log in</title>", Content_Type="text/html"),
    "unlabeled page": _body(200, b"<html>Log in</html>"),
    "page with an error": _body(403, b"<html>" + EVIL_TEXT.encode(), Content_Type="text/html"),
    "empty": _body(200, b""),
    "no content": _body(204, b""),
    "truncated": lambda real, _rng: Response(real.status, real.body[: len(real.body) // 2], real.headers),
    "wrong types": _wrong_types,
    "odd headers": _odd_headers,
    "huge": lambda real, _rng: Response(200, b"[" + b"1," * (HUGE // 2), real.headers),
    "bomb": lambda real, _rng: Response(200, gzip.compress(bytes(HUGE)), {**real.headers, "Content-Encoding": "gzip"}),
    "nested": _body(200, b"[" * 100_000),
    "evil error": _body(500, json.dumps({"error": EVIL_TEXT}).encode()),
    "evil refusal": _body(404, json.dumps({"error": EVIL_TEXT}).encode(), X_Error_Code="EntryNotFound"),
    "redirect to itself": _redirect("?again"),
    "redirect to a file": _redirect("file:///etc/passwd"),
    "redirect to another host": _redirect("http://127.0.0.2:9/x"),
    "redirect to nonsense": _redirect("http://[::1"),
    "closed": _closed,
    "drip": _body(200, Drip()),
}


@dataclass(frozen=True)
class Try:
    """A command, the garbage that it is answered with, and the requests that are answered so: one, or all from it."""

    command: tuple[str, ...]
    garbage: str
    first: int
    is_lasting: bool

    @classmethod
    def random(cls, rng: random.Random) -> "Try":
        """Return a random try."""
        return cls(rng.choice(COMMANDS), rng.choice(list(GARBAGE)), rng.randrange(8), rng.random() < 0.7)


def run(each: Try, rng: random.Random) -> list[str]:
    """Run a command, and return what is wrong with how it ended."""
    with tempfile.TemporaryDirectory() as name, FakeHub() as hub:
        files = {path.relative_to(SPACE).as_posix(): path.read_bytes() for path in SPACE.rglob("*") if path.is_file()}
        hub.create("org/pbmc", files)
        answer, count = hub.answer, iter(range(1_000_000))

        def answer_badly(request: Request) -> Response:
            number, real = next(count), answer(request)
            is_bad = number >= each.first if each.is_lasting else number == each.first
            return GARBAGE[each.garbage](real, rng) if is_bad and "agent-harnesses" not in request.path else real

        hub.answer = answer_badly  # type: ignore[method-assign]
        problems = list(_problems(each, Path(name), hub.endpoint))
        hub.errors.clear()
        return problems


def _problems(each: Try, folder: Path, endpoint: str) -> Iterator[str]:
    kept = {name: value for name, value in os.environ.items() if not re.match("(?i)HF_|HUGGING|.*_PROXY$", name)}
    env = {**kept, "HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home"), "HF_TOKEN": OWNER_TOKEN}
    started = time.monotonic()
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen([COMMAND, *each.command], cwd=folder, env=env, stdout=stdout, stderr=stderr)
        try:
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            yield f"ran for more than {time.monotonic() - started:.0f} s"
            return
    shown = (folder / "stdout").read_text("utf-8", "replace") + (folder / "stderr").read_text("utf-8", "replace")
    if "Traceback" in shown or code not in {0, 1}:
        yield f"exit code {code}: {shown[-2000:]}"
    if found := CONTROL.search(shown):
        yield f"printed {found[0]!a}"
    if "\nError: forged" in shown:
        yield "let the Hub forge a line"
    if left := [path.name for path in folder.rglob("*") if re.search(r"\.(incomplete|partial|old|tmp)\b", path.name)]:
        yield f"left {left}"


def main(n: int, seed: int) -> int:
    """Run ``n`` tries, print a count of their outcomes, and return the number of those that ended badly."""
    rng, outcomes = random.Random(seed), Counter[str]()
    for number in range(n):
        each = Try.random(rng)
        problems = run(each, rng)
        outcomes["bad" if problems else "good"] += 1
        for problem in problems:
            print(f"try {number} of seed {seed}, {each}: {problem}", flush=True)
    print(f"{n} tries of seed {seed}: {dict(outcomes)}")
    return outcomes["bad"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=200, help="number of tries")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    sys.exit(main(arguments.n, arguments.seed) > 0)
