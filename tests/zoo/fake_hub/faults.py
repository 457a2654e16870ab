"""Faults that a test can inject into responses of the fake Hub."""

import re
from dataclasses import dataclass, field
from typing import Literal

ENDING_FAULTS = ("cut", "reset", "stall")
CONTENT_FAULTS = ("short", "long", "wrong")


@dataclass
class Fault:
    """A fault of some requests; the first fault in the list that matches a request is the only one applied to it.

    ``status`` responds with an error, and ``lost`` closes the connection after the request took effect.
    The others apply to files: ``cut``, ``reset`` and ``stall`` interrupt the body, ``short``, ``long`` and ``wrong``
    change it.
    """

    kind: Literal["status", "lost", "cut", "reset", "stall", "short", "long", "wrong"]
    method: str = "GET"  # GET does not match HEAD
    path: str = ""  # regular expression, searched in the unquoted path
    times: int | None = 1  # number of matching requests that are hit; None for all
    skip: int = 0  # number of matching requests that pass first
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0  # bytes of the body sent before cut, reset or stall
    hits: int = 0  # requests hit so far
    seen: int = 0  # requests matched so far

    def take(self, method: str, path: str) -> bool:
        """Count a request, and return whether the fault hits it."""
        if self.method != method or not re.search(self.path, path):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.hits >= self.times):
            return False
        self.hits += 1
        return True

    def change(self, content: bytes) -> bytes:
        """Return the content of a file as the fault changes it."""
        middle = len(content) // 2
        match self.kind:
            case "wrong":
                return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
            case "short":
                return content[:-1]
            case "long":
                return content + b"\0"
        return content
