"""Merging a newly generated card with the text that its author wrote into the old one."""

import re
from typing import Any

from smile_runtime.cards import CITATION, END, LIMITS, TRAINING_DATA, USE, join_front, split_front
from smile_runtime.errors import SpaceError

_START = re.compile(r"^<!-- smile-zoo: made from config\.json\b[^\n]*-->[ \t]*$", re.MULTILINE)
_END = re.compile(rf"^{re.escape(END)}[ \t]*$", re.MULTILINE)
_TITLE = re.compile(rf"{_START.pattern}\s*^# +\S", re.MULTILINE)
_FIELDS = ("library_name", "license")
_SECTIONS = (USE, TRAINING_DATA, LIMITS, CITATION)


def merge_card(existing: str, generated: str) -> str:
    """Merge the author's text of an existing card into a generated one.

    The text before and after the two marks is kept, and so are front-matter keys and tags that the generated card lacks
    (except ``license_name``, which belongs to ``license``). A card without marks counts as the author's text and is
    placed after the generated part. Comments in the front matter are lost. Merging again changes nothing.

    Parameters
    ----------
    existing
        Existing card; empty if there is none.
    generated
        Card from `smile_runtime.cards.render_card`.

    Raises
    ------
    SpaceError
        If the front matter of the existing card is malformed, or its marks are not one pair.
    """
    own_fields, own_body = split_front(existing)
    fields, body = split_front(generated)
    before, old, after = _split_body(own_body)
    _, part, _ = _split_body(body)
    if part is None:
        raise SpaceError("the new card has no marks, so it was not generated; make it with render_card")
    if old is None:
        before, after = "", before
    kept = [text.strip("\n") for text in (before, part, after)]
    return join_front(_merged(own_fields, fields), "\n\n".join(text for text in kept if text) + "\n")


def require_complete(card: str) -> None:
    """Validate that a card states what a user of the space must know.

    Parameters
    ----------
    card
        Card with its front matter.

    Raises
    ------
    SpaceError
        If the card lacks library, license or a generated section (title, use, training data, limits, citation); the
        message lists everything that is missing.
    """
    fields, body = split_front(card)
    _, part, _ = _split_body(body)
    text = part or ""
    missing = [name for name in _FIELDS if not fields.get(name)]
    missing += [] if _TITLE.match(text) else ["a title"]
    missing += [f"the section {title!r}" for title in _SECTIONS if not _section(text, title)]
    if missing:
        raise SpaceError(f"the card lacks {', '.join(missing)}; generate it again from the manifest")


def _merged(own_fields: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    tags = own_fields.get("tags") or []
    tags = map(str, tags if isinstance(tags, list) else [tags])
    tags = list(dict.fromkeys([*fields.get("tags", []), *tags]))
    kept = {key: value for key, value in own_fields.items() if key not in fields and key != "license_name"}
    return {**fields, "tags": tags, **kept}


def _split_body(body: str) -> tuple[str, str | None, str]:
    """Split a body into the text before the generated part, the part with its marks (None without), and the rest."""
    starts, ends = list(_START.finditer(body)), list(_END.finditer(body))
    if not starts and not ends:
        return body, None, ""
    if len(starts) != 1 or len(ends) != 1 or ends[0].start() < starts[0].end():
        raise SpaceError(
            f"the card has {len(starts)} marks `smile-zoo: made from config.json` and {len(ends)} marks "
            "`smile-zoo: end`; exactly one of each is needed, in this order; restore them, or remove both"
        )
    first, last = starts[0].start(), ends[0].end()
    return body[:first], body[first:last], body[last:]


def _section(text: str, title: str) -> str:
    """Return the text below a heading; empty if there is none."""
    found = re.search(rf"^## {re.escape(title)}[ \t]*\n(.*?)(?=^## |^<!-- smile-zoo|\Z)", text, re.M | re.S)
    return found[1].strip() if found else ""
