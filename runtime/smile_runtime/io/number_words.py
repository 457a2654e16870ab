"""Numbers with the noun and the verb that agree with them, and shares in percent."""

_SUM_ERROR = 1e-6  # of shares that add up to all
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


def share_text(share: float, digits: int = 1) -> str:
    """Return a share in percent, in which neither some is rounded to none nor most to all.

    Parameters
    ----------
    share
        Share, 0 to 1.
    digits
        Number of decimals.

    Examples
    --------
    >>> share_text(1 / 2322), share_text(0.295), share_text(0.9999)
    ('<0.1%', '29.5%', '>99.9%')
    """
    step = 10.0 ** -(digits + 2)
    if 0 < share < step / 2:
        return f"<{step:.{digits}%}"
    if 1 - step / 2 < share < 1 - _SUM_ERROR:
        return f">{1 - step:.{digits}%}"
    return f"{share:.{digits}%}"
