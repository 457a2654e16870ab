"""Text of others in Markdown: it stays text, whatever characters it has."""

import re

_INLINE = re.compile(r"[\\`*\[\]|]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word is no emphasis
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BLOCK = re.compile(r"^(?=[-+=~#>])")  # begins a list, rule, heading, fence or quote
_NUMBERED = re.compile(r"^(\d+)(?=[.)](\s|$))")


def one_line(value: object) -> str:
    """Return a value as text without line breaks."""
    return " ".join(str(value).split())


def escaped(value: object) -> str:
    """Return a value as one line of Markdown that shows it as it is."""
    text = _INLINE.sub(r"\\\g<0>", _ENTITY.sub("&amp;", one_line(value)))
    return _NUMBERED.sub(r"\1\\", _BLOCK.sub(r"\\", text.replace("<", "&lt;")))


def code(value: object) -> str:
    """Return a value in a code span, inside of a table too."""
    return f"`{one_line(value).replace('`', chr(39)).replace('|', '/')}`"
