"""Escaping for Markdown, so that user text is shown literally."""

import re

from smile_runtime.io import visible_text

_INLINE = re.compile(r"[\\`*~\[\]|]|(?<![^\W_])_|_(?![^\W_])")  # an underscore within a word does not start emphasis
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BLOCK = re.compile(r"^(?=[-+=~#>])")  # starts a list, rule, heading, fence or quote
_NUMBERED = re.compile(r"^(\d+)(?=[.)](\s|$))")


def one_line(value: object) -> str:
    """Return a value as visible text without line breaks."""
    return visible_text(" ".join(str(value).split()))


def escaped(value: object) -> str:
    """Return a value as one line of Markdown that shows it literally."""
    text = _INLINE.sub(r"\\\g<0>", _ENTITY.sub("&amp;", one_line(value)))
    return _NUMBERED.sub(r"\1\\", _BLOCK.sub(r"\\", text.replace("<", "&lt;")))


def code(value: object) -> str:
    """Return a value as a code span that also works within a table."""
    return f"`{one_line(value).replace('`', chr(39)).replace('|', '/')}`"


def slug(text: str) -> str:
    """Return a text as an identifier of the Hub: letters, digits, dots, plus and hyphens."""
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-")
