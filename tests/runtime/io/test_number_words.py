"""Nouns and verbs agree with their number."""

from smile_runtime.io import counted, share_text


def test_nouns_and_verbs_agree_with_their_number():
    assert [counted(n, "value", "are") for n in (0, 1, 1200)] == ["0 values are", "1 value is", "1,200 values are"]
    assert counted(1, "cell", "hold", of=300) == "1 of 300 cells holds"
    assert counted(0, "cell", "have", of=1) == "0 of 1 cell have"
    assert (counted(1, "cell"), counted(2, "cell", of=2)) == ("1 cell", "2 of 2 cells")


def test_shares_are_not_rounded_to_none_or_all():
    shares = (0, 1 / 2322, 0.0005, 2321 / 2322, 1 - 1e-9)
    assert [share_text(share) for share in shares] == ["0.0%", "<0.1%", "0.1%", ">99.9%", "100.0%"]
    assert [share_text(share, 0) for share in (0.004, 0.4, 0.996)] == ["<1%", "40%", ">99%"]
