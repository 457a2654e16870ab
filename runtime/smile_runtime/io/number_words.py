"""Numbers with the noun and the verb that agree with them."""

_SINGULAR = {"are": "is", "have": "has", "were": "was"}


def counted(n: int, noun: str, verb: str = "", *, of: int | None = None) -> str:
    """Return a number with its noun, and a verb if one follows.

    Parameters
    ----------
    n
        Number.
    noun
        Noun in the singular, whose plural has an s.
    verb
        Verb in the plural, such as ``are`` or ``hold``.
    of
        Total, of which `n` are counted; None for none.

    Examples
    --------
    >>> counted(1, "value", "are"), counted(2, "value", "are"), counted(1, "cell", "have", of=300)
    ('1 value is', '2 values are', '1 of 300 cells has')
    """
    amount = f"{n:,}" if of is None else f"{n:,} of {of:,}"
    nouns = noun if (n if of is None else of) == 1 else f"{noun}s"
    verbs = _SINGULAR.get(verb, f"{verb}s") if n == 1 and verb else verb
    return f"{amount} {nouns} {verbs}".rstrip()
