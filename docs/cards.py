"""Generate MODEL_CARD.md, README's table, and card and catalogue entry of every packaged space from the manifests."""

from pathlib import Path

import msgspec
from figures import ROOT, about, committed

from smile_runtime.cards.card import CITATION_TEXT, LIMITS_TEXT, render_card
from smile_runtime.cards.markdown import escaped
from smile_runtime.cards.sections import MEASURED, source_list
from smile_runtime.cards.tables import is_label_choice, markdown_table, metric_table, with_spread
from smile_runtime.io.atomic_files import sha256_file
from smile_runtime.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    OWN_METHOD,
    Manifest,
    MetricRecord,
    SourceRecord,
    read_manifest,
)
from smile_training.recipe.records import Recipe
from smile_zoo.catalogue import PACKAGED_CATALOGUE as CATALOGUE
from smile_zoo.catalogue import CatalogueEntry, encode_catalogue, entry_from_manifest, parse_catalogue
from smile_zoo.transfer.card_merge import merge_card, require_complete

SPACES = ROOT / "zoo/smile_zoo/spaces"
ZOO_CARD = ROOT / "MODEL_CARD.md"
README = ROOT / "README.md"

_HEADLINE = "label transfer accuracy"
_BETWEEN = f"{_HEADLINE} of left-out batches"
_SHOWN = (_HEADLINE, "label transfer macro-F1", "FOSCTTM")
_HEAD = """\
# Model card of the zoo

<!-- made by: python docs/cards.py -->

smile-zoo is a zoo of latent spaces of single cells, learned by SMILE (mutual information learning). A space has one
encoder per modality, exported with its preprocessing as one ONNX graph, and a reference that provides labels,
confidence and a map. The *packaged* spaces are installed with smile-zoo; the others are recipes, from which
`smile-zoo train` builds them. Each space's own card is the `README.md` in its directory.

## Intended use

Mapping new cells of a space's organism and tissue to its reference, which gives them an embedding, a label with a
calibrated confidence and a position on the map; comparing batches, studies and modalities in one space; and as a
starting point for your own spaces. Recipes marked as simulated only demonstrate a method.

## Spaces and recipes

"""
_TABLE = (
    "name",
    "title",
    "organism",
    "tissue",
    "modalities",
    "reference cells",
    "variant",
    "data license",
    "kind",
    f"{_HEADLINE} on left-out cells",
)
_SHELF_START = "<!-- packaged spaces: made by python docs/cards.py -->\n"
_SHELF_END = "<!-- packaged spaces: end -->\n"
_SHELF = (
    "space",
    "organism",
    "tissue",
    "modalities",
    "intended use",
    "accuracy on left-out cells",
    "on left-out batches",
)


def packaged() -> list[Path]:
    """Return the directories of the packaged spaces."""
    return sorted(path.parent for path in SPACES.glob("*/config.json"))


def space_card(space: Path) -> str:
    """Return the card of a packaged space: generated from its manifest, with the author's text of the existing one."""
    card = merge_card((space / CARD_NAME).read_text("utf-8"), render_card(read_manifest(space), packaged=True))
    require_complete(card)
    return card


def catalogued() -> list[CatalogueEntry]:
    """Return the entries of the packaged catalogue: published spaces, and the packaged ones as they are.

    A packaged space keeps the repo and commit to which it was published until its manifest changes.
    """
    entries = {entry.name: entry for entry in parse_catalogue(CATALOGUE.read_bytes(), str(CATALOGUE))}
    for space in packaged():
        entry = entry_from_manifest(read_manifest(space), sha256_file(space / MANIFEST_NAME))
        listed = entries.get(space.name)
        if listed is not None and listed.manifest_sha256 == entry.manifest_sha256:
            entry = msgspec.structs.replace(entry, repo=listed.repo, revision=listed.revision)
        entries[space.name] = entry
    return list(entries.values())


def renew(space: Path) -> None:
    """Write the card of a packaged space if it is out of date."""
    card = space_card(space).encode()
    if (space / CARD_NAME).read_bytes() != card:
        (space / CARD_NAME).write_bytes(card)


def zoo_card() -> str:
    """Return the model card of the zoo."""
    manifests = {space.name: read_manifest(space) for space in packaged()}
    recipes = committed()
    rows = [_row(recipe, metrics, manifests.get(recipe.name)) for recipe, metrics in recipes]
    sections = [_section(recipe, metrics, manifests.get(recipe.name)) for recipe, metrics in recipes]
    return (
        f"{_HEAD}{markdown_table(_TABLE, rows)}\n"
        f"## Evaluation\n\n3-fold cross-validation, repeated with 3 seeds.\n{MEASURED}\n"
        "All metrics, and how to reproduce them, are in [docs/figures.md](docs/figures.md).\n\n"
        f"## Limits and misuse\n\n{LIMITS_TEXT}\n{''.join(sections)}## Citation\n\n{CITATION_TEXT}"
    )


def readme() -> str:
    """Return README with a new table of the packaged spaces between its two marks."""
    before, rest = README.read_text("utf-8").split(_SHELF_START)
    _, after = rest.split(_SHELF_END)
    rows = [_shelf_row(space) for space in packaged()]
    return f"{before}{_SHELF_START}\n{markdown_table(_SHELF, rows)}\n{_SHELF_END}{after}"


def _shelf_row(space: Path) -> list[str]:
    manifest = read_manifest(space)
    return [
        f"[{manifest.name}]({space.relative_to(ROOT).as_posix()}/README.md)",
        escaped(manifest.organism),
        escaped(manifest.tissue),
        ", ".join(map(escaped, manifest.encoders)),
        escaped(manifest.intended_use or manifest.title),
        _headline(manifest.metrics, list(manifest.encoders)),
        _headline(manifest.metrics, list(manifest.encoders), _BETWEEN) or "not measured",
    ]


def _headline(metrics: list[MetricRecord], modalities: list[str], name: str = _HEADLINE) -> str:
    """Return the accuracy of label transfer of each modality."""
    own = {record.modality: record for record in metrics if record.method == OWN_METHOD and record.name == name}
    return "; ".join(f"{escaped(name)} {with_spread(own[name])}" for name in modalities if name in own)


def _row(recipe: Recipe, metrics: list[MetricRecord], manifest: Manifest | None) -> list[str]:
    licenses = dict.fromkeys(part for source in _sources(recipe) for part in source.license.split("; "))
    kind = f"[packaged](zoo/smile_zoo/spaces/{recipe.name})" if manifest else "recipe"
    measured = [name for name in recipe.modalities if name not in recipe.simulated]
    return [
        f"[{recipe.name}](#{recipe.name})",
        escaped(recipe.title),
        escaped(recipe.organism),
        escaped(recipe.tissue),
        ", ".join(map(escaped, recipe.modalities)),
        f"{manifest.reference.n_cells:,}" if manifest else "",
        recipe.variant,
        "; ".join(map(escaped, licenses)),
        f"{kind}, simulated" if recipe.simulated else kind,
        _headline(metrics, measured),
    ]


def _section(recipe: Recipe, metrics: list[MetricRecord], manifest: Manifest | None) -> str:
    card = f"Card: [{recipe.name}](zoo/smile_zoo/spaces/{recipe.name}/README.md).\n\n" if manifest else ""
    shown = [record for record in metrics if record.name in _SHOWN and not is_label_choice(record)]
    return (
        f"## {recipe.name}\n\n{about(recipe, metrics)}\n\n{card}Data:\n\n{source_list(_sources(recipe))}\n"
        f"{metric_table(shown)}\n[All metrics](docs/figures.md#{recipe.name}) · "
        f"[recipe](training/recipes/{recipe.name}.toml)\n\n"
    )


def _sources(recipe: Recipe) -> list[SourceRecord]:
    return [
        SourceRecord(
            name=source.name,
            license=source.license,
            url=source.url,
            simulated=modality.data.simulate is not None,
        )
        for modality in recipe.modalities.values()
        for source in modality.data.sources
    ]


if __name__ == "__main__":
    for folder in packaged():
        renew(folder)
    ZOO_CARD.write_text(zoo_card(), "utf-8")
    README.write_text(readme(), "utf-8")
    CATALOGUE.write_bytes(encode_catalogue(catalogued()))
