"""Characters that a terminal obeys, or that nobody sees."""

import pytest

from smile_runtime.io import visible_text


@pytest.mark.parametrize(
    "character",
    [*"\0\a\b\t\n\v\f\r\x1b\x7f\x85\x9b\xad\u061c\u200b\u200d\u200e\u2028\u202e\u2060\u2066\ufeff\u3164\ufe0f\ufff9"],
)
def test_is_escaped(character):
    assert visible_text(f"a{character}b") == f"a{character.encode('unicode_escape').decode()}b"


@pytest.mark.parametrize("text", ["", "plain", "é и 字 ± µ", "tab\\t", "no\u00a0break", "e\u0301", "🧬"])
def test_is_kept(text):
    assert visible_text(text) == text


def test_lone_surrogates_and_tags_are_escaped():
    assert visible_text("a\udcff\U000e0041") == "a\\udcff\\U000e0041"


def test_characters_to_keep_and_other_escapes():
    assert visible_text("a\nb\x1b", keep="\n", escape=lambda _character: "?") == "a\nb?"
