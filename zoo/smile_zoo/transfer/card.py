"""A card made anew, with what its author wrote into the old one."""

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
    """Return a generated card with the own text of an existing one.

    Kept are the text before and after the two marks, front matter that the generated card does not have (but
    ``license_name``, which belongs to ``license``), and tags that it does not have. A card without marks is all own
    text: it comes after the generated part. Comments in the front matter are lost. Merging again changes nothing.

    Parameters
    ----------
    existing
        The card as it stands; empty for none.
    generated
        What `smile_runtime.cards.card.render_card` gave.

    Raises
    ------
    SpaceError
        If the front matter of the existing card is malformed, or its marks are not one pair.
    """
    own, own_body = split_front(existing)
    fields, body = split_front(generated)
    before, old, after = _divided(own_body)
    _, part, _ = _divided(body)
    if part is None:
        raise SpaceError("the new card has no marks, so it is no generated one; make it with render_card")
    if old is None:
        before, after = "", before
    kept = [text.strip("\n") for text in (before, part, after)]
    return join_front(_merged(own, fields), "\n\n".join(text for text in kept if text) + "\n")


def require_complete(card: str) -> None:
    """Refuse a card that does not say what a user of the space must know.

    Parameters
    ----------
    card
        The card, front matter included.

    Raises
    ------
    SpaceError
        If it lacks library, license, or a generated section (title, use, training data, limits, citation): all that it
        lacks is named.
    """
    fields, body = split_front(card)
    _, part, _ = _divided(body)
    text = part or ""
    missing = [name for name in _FIELDS if not fields.get(name)]
    missing += [] if _TITLE.match(text) else ["a title"]
    missing += [f"the section {title!r}" for title in _SECTIONS if not _section(text, title)]
    if missing:
        raise SpaceError(
            f"the card lacks {', '.join(missing)}; these are made from the manifest, between the marks: make it again"
        )


def _merged(own: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    tags = own.get("tags") or []
    tags = map(str, tags if isinstance(tags, list) else [tags])
    tags = list(dict.fromkeys([*fields.get("tags", []), *tags]))
    kept = {key: value for key, value in own.items() if key not in fields and key != "license_name"}
    return {**fields, "tags": tags, **kept}


def _divided(body: str) -> tuple[str, str | None, str]:
    """Return what stands before the generated part, the part with its marks (None without marks), and after it."""
    starts, ends = list(_START.finditer(body)), list(_END.finditer(body))
    if not starts and not ends:
        return body, None, ""
    if len(starts) != 1 or len(ends) != 1 or ends[0].start() < starts[0].end():
        raise SpaceError(
            f"the card has {len(starts)} marks `smile-zoo: made from config.json` and {len(ends)} marks "
            "`smile-zoo: end`; one of each is needed, in this order: put them back, or remove both"
        )
    first, last = starts[0].start(), ends[0].end()
    return body[:first], body[first:last], body[last:]


def _section(text: str, title: str) -> str:
    """Return what stands under a heading; empty where there is none."""
    found = re.search(rf"^## {re.escape(title)}[ \t]*\n(.*?)(?=^## |^<!-- smile-zoo|\Z)", text, re.M | re.S)
    return found[1].strip() if found else ""
