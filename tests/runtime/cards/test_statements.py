"""What a manifest states, but not as publishing needs it."""

from types import SimpleNamespace

import pytest

from smile_runtime.cards import mistaken_facts


def mistakes(
    organism: str = "Homo sapiens", terms: str = "CC-BY-4.0", url: str = "https://example.org/data"
) -> list[str]:
    about = SimpleNamespace(organism=organism, license=terms, description="Cells", tissue="blood")
    source = SimpleNamespace(name="A study", license="no license attached", url=url)
    return list(mistaken_facts(about, [source, source]))


def test_what_is_stated_well_or_not_at_all_is_no_mistake() -> None:
    assert mistakes() == []
    assert mistakes("mouse", "bsd-3-clause", "http://example.org") == []
    assert mistakes("not stated", "unspecified", "") == []  # these are missing, not mistaken


@pytest.mark.parametrize(
    ("stated", "start"),
    [
        ({"organism": "homo"}, "the organism 'homo' is not a scientific name; give genus and species"),
        ({"terms": "mit license"}, "the license 'mit license' is not an identifier that the Hub knows; "),
        ({"terms": "LicenseRef-"}, "the license 'LicenseRef-' is not"),
        ({"url": "file:///home/me/x.h5ad"}, "the URL 'file:///home/me/x.h5ad' is not an address"),
        ({"url": "https://[::1"}, "the URL 'https://[::1' is not an address"),
        ({"url": "https://example.org/a b"}, "the URL 'https://example.org/a b' is not an address"),
    ],
)
def test_mistakes_are_named_once(stated: dict[str, str], start: str) -> None:
    (problem,) = mistakes(**stated)
    assert problem.startswith(start)
