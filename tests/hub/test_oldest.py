"""The Hub tests run with the oldest and with the newest client that pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_oldest_tested_client_is_the_oldest_allowed_one() -> None:
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (allowed,) = (text for text in dependencies if text.startswith("huggingface-hub"))
    tested = re.search(r"^huggingface-hub==(.*)\.0$", (ROOT / "tests/hub/oldest.txt").read_text("utf-8"), re.MULTILINE)
    assert allowed.startswith(f"huggingface-hub>={tested[1]},")
