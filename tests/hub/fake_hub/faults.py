"""Faults that a test can inject into responses of the fake Hub."""

import re
from dataclasses import dataclass, field, replace
from typing import Literal

from fake_hub.store import Response

BODY_FAULTS = ("cut", "reset", "stall", "short", "long", "wrong")


@dataclass
class Fault:
    """What goes wrong with some requests. HEAD is not GET; an empty method is any.

    Faults are asked in the order they were added, and the first that hits a request keeps it from the others.
    """

    kind: Literal["status", "cut", "reset", "stall", "short", "long", "wrong", "lost"]
    method: str = "GET"
    path: str = ""  # regular expression, searched in the unquoted path
    times: int | None = 1  # how many matching requests it hits; None: all
    skip: int = 0  # matching requests that pass first
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0  # body bytes sent before cut, reset or stall
    seconds: float = 30.0  # of a stall
    hits: int = 0  # requests it has hit
    seen: int = 0  # requests that matched, hit or not

    def take(self, method: str, path: str) -> bool:
        """Whether the fault hits this request; counts it."""
        if self.method not in ("", method) or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True


def damaged(response: Response, kind: str) -> Response:
    data, middle = response.body, len(response.body) // 2
    if kind == "wrong" and data:
        data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    elif kind == "short":
        data = data[:-1]
    elif kind == "long":
        data += b"\0"
    return replace(response, body=data)


def ranged(response: Response, header: str) -> Response:
    """Cut a file down to the range that was asked for."""
    size = len(response.body)
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or match.groups() == ("", ""):
        return response
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1, size) if first and last else size
    if start >= size:
        return Response(416, b"", {"Content-Range": f"bytes */{size}"})
    headers = {**response.headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"}
    return Response(206, response.body[start:end], headers, is_file=True)
