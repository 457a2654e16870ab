"""Nouns and verbs agree with their number."""

from smile_runtime.io import counted


def test_nouns_and_verbs_agree_with_their_number():
    assert [counted(n, "value", "are") for n in (0, 1, 1200)] == ["0 values are", "1 value is", "1,200 values are"]
    assert counted(1, "cell", "hold", of=300) == "1 of 300 cells holds"
    assert counted(0, "cell", "have", of=1) == "0 of 1 cell have"
    assert (counted(1, "cell"), counted(2, "cell", of=2)) == ("1 cell", "2 of 2 cells")
