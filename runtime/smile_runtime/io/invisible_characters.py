"""Text of unknown origin, made safe to show: nothing in it can move a cursor, reorder its line, or hide."""

import re
import unicodedata
from collections.abc import Callable

_SEEMING_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Characters that are shown as nothing, although Unicode counts them as letters and marks."""


def visible_text(text: str, *, keep: str = "", escape: Callable[[str], str] | None = None) -> str:
    r"""Replace control characters, bidirectional controls and all that has no width by escapes such as ``\\x1b``.

    Parameters
    ----------
    text
        Text of unknown origin.
    keep
        Characters to keep, such as line breaks.
    escape
        Returns what a character is replaced by; None for its escape in Python.
    """
    if text.isprintable() and _SEEMING_NOTHING.search(text) is None:
        return text
    escape = escape or _python_escape
    return "".join(each if each in keep or _is_visible(each) else escape(each) for each in text)


def _is_visible(character: str) -> bool:
    is_shown = character.isprintable() or unicodedata.category(character) == "Zs"
    return is_shown and _SEEMING_NOTHING.match(character) is None


def _python_escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
