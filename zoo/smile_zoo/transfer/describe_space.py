"""Changing what a space directory states about itself, without training it again."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from smile_runtime.cards import is_unstated, license_problem, organism_problem, render_card, url_problem
from smile_runtime.errors import SpaceError
from smile_runtime.io import atomic_path
from smile_runtime.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    Manifest,
    SourceRecord,
    encode_manifest,
    parse_manifest,
    read_manifest,
)
from smile_runtime.space import FileHashes, verify_files
from smile_zoo.transfer.card_merge import merge_card
from smile_zoo.transfer.space_name import require_directory

_CHECKS: dict[type, dict[str, Callable[[str], str]]] = {
    Manifest: {"organism": organism_problem, "license": license_problem},
    SourceRecord: {"url": url_problem},
}
"""What says why a text of a record is not what publishing needs; licenses of data may be any text."""
_PACKAGED_SPACES = Path(__file__).parents[1] / "spaces"


def describe(
    folder_path: Path | str,
    *,
    title: str | None = None,
    description: str | None = None,
    intended_use: str | None = None,
    organism: str | None = None,
    tissue: str | None = None,
    license: str | None = None,  # noqa: A002 (the name in the manifest)
    source: str | None = None,
    source_name: str | None = None,
    source_license: str | None = None,
    source_url: str | None = None,
) -> Manifest:
    """Change what a space directory states about itself; its models and figures stay as they are.

    The manifest and the generated part of the card are written again; the author's own text in the card is kept.

    Parameters
    ----------
    folder_path
        Space directory.
    title, description, intended_use, organism, tissue, license
        New texts; None to keep the present ones. Genes of a query are matched by the names of the organism.
    source
        Name of the data source to change, which several files may share; None if there is only one.
    source_name, source_license, source_url
        New texts of that source; None to keep the present ones.

    Returns
    -------
        The new manifest.

    Raises
    ------
    SpaceError
        If the directory is no space, is shared with others (packaged or in the Hub's cache), has no such source, or a
        text states nothing, cannot stand in a manifest, or is not what publishing needs: a scientific name, a license
        that the Hub knows, a web address.
    IntegrityError
        If a file is damaged.
    OutputError
        If a file cannot be written.
    """
    path = Path(folder_path)
    require_directory(path)
    manifest = read_manifest(path)
    _require_own(path)
    verify_files(path, manifest, FileHashes(path))
    texts = {
        "title": title,
        "description": description,
        "intended_use": intended_use,
        "organism": organism,
        "tissue": tissue,
        "license": license,
    }
    source_texts = {"name": source_name, "license": source_license, "url": source_url}
    changed = msgspec.structs.replace(manifest, **_stated(texts, Manifest))
    if new := _stated(source_texts, SourceRecord):
        name = _source_name(manifest.sources, source)
        sources = [msgspec.structs.replace(each, **new) if each.name == name else each for each in manifest.sources]
        changed = msgspec.structs.replace(changed, sources=sources)
    content = encode_manifest(changed)
    parse_manifest(content, "the new manifest")  # no text may make the space unreadable
    card = path / CARD_NAME
    merged = merge_card(card.read_text("utf-8") if card.is_file() else "", render_card(changed))
    with atomic_path(path / MANIFEST_NAME) as partial:
        partial.write_bytes(content)
    with atomic_path(card) as partial:
        partial.write_text(merged, "utf-8")
    return changed


def _require_own(path: Path) -> None:
    """Raise if a directory belongs to the package or to the Hub's cache, whose files are links."""
    if (path / MANIFEST_NAME).is_symlink() or path.resolve().is_relative_to(_PACKAGED_SPACES.resolve()):
        raise SpaceError(
            f"{path} is shared by everyone who uses this space; make a copy of your own first: "
            "smile-zoo pull SPACE --with-training --to DIR"
        )


def _stated(texts: dict[str, str | None], record: type[Manifest | SourceRecord]) -> dict[str, str]:
    """Return the texts that are given, or raise if one of them states nothing or cannot stand in the record."""
    given = {name: text.strip() for name, text in texts.items() if text is not None}
    types = {field.name: field.type for field in msgspec.structs.fields(record)}
    for name, text in given.items():
        title = name.replace("_", " ")
        if is_unstated(text):
            raise SpaceError(f"the {title} {text!r} states nothing; give the actual one")
        if name in _CHECKS[record] and (problem := _CHECKS[record][name](text)):
            raise SpaceError(problem)
        try:
            msgspec.convert(text.encode().decode(), types[name])
        except (UnicodeEncodeError, msgspec.ValidationError) as error:
            reason = _reason(error)
            raise SpaceError(f"the {title} {text[:80]!a} cannot be used: {reason}; give another text") from error
    return given


def _reason(error: UnicodeEncodeError | msgspec.ValidationError) -> str:
    if isinstance(error, UnicodeEncodeError):
        return "it is not valid Unicode"
    return "it has a line break or an invisible character" if "regex" in str(error) else str(error)


def _source_name(sources: list[SourceRecord], name: str | None) -> str:
    names = list(dict.fromkeys(source.name for source in sources))
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        problem = "which source is meant is not clear" if name is None else f"there is no source {name!r}"
        raise SpaceError(f"{problem}; name one of: {', '.join(map(repr, names)) or 'none'}", options={"source": None})
    return name
