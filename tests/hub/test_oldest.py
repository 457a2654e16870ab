"""The tests of this folder run with the oldest Hub client that is allowed, and with the newest."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_oldest_client_that_is_tested_is_the_oldest_that_is_allowed() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (allowed,) = (text for text in dependencies if text.startswith("huggingface-hub"))
    tested = re.search(r"^huggingface-hub==(.*)\.0$", (ROOT / "tests/hub/oldest.txt").read_text("utf-8"), re.MULTILINE)
    assert allowed.startswith(f"huggingface-hub>={tested[1]},")
