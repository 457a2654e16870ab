"""A static site: the page, the spaces that it offers, and their list."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, resources

import msgspec

from smile_runtime.features import FeatureKind, kind_of_features, latin_name
from smile_runtime.manifest import Manifest
from smile_runtime.projection import accuracy_left_out_batches, accuracy_left_out_cells
from smile_zoo.transfer import PulledSpace
from smile_zoo.web.page_files import ONNX_RUNTIME, needs_onnx_runtime, page_files, space_files

CATALOGUE = "spaces.json"
GENES = "genes/"
SHARED = (GENES, ONNX_RUNTIME)
"""Folders of the files that all spaces share."""
GENE_TABLES = ("human.tsv.gz", "mouse.tsv.gz")
"""Tables of both species: a query of the other one is recognized by its genes."""


class SharedFile(msgspec.Struct, frozen=True):
    """Record of a file that all spaces share, which the page compares before it uses the file.

    Attributes
    ----------
    sha256
        Its sha256, 64 hexadecimal digits.
    size
        Its size in bytes.
    """

    sha256: str
    size: int


class MeasuredAccuracy(msgspec.Struct, frozen=True):
    """Accuracy of label transfer as measured when a space was made; None if it was not.

    Attributes
    ----------
    modality
        Modality of the encoder.
    left_out_batches
        On whole batches left out of training, such as those of another laboratory.
    left_out_cells
        On cells left out of training.
    """

    modality: str
    left_out_batches: float | None
    left_out_cells: float | None


class SiteSpace(msgspec.Struct, frozen=True):
    """What the page says of a space before it reads any of its files.

    Attributes
    ----------
    name, title, tissue, intended_use
        As in the manifest.
    organism
        Scientific name, by which the page finds other references for the same cells.
    kinds
        Kinds of features that its encoders take.
    n_cells
        Number of cells that the reference represents.
    labels
        Labels by label column, the primary one first.
    accuracy
        Accuracy of the labels by modality.
    size
        Size of the files that the page reads, in bytes.
    folder
        Folder of the files in the site; empty in a single file.
    manifest_sha256
        sha256 of the manifest, which the page compares.
    """

    name: str
    title: str
    organism: str
    tissue: str
    intended_use: str
    kinds: list[FeatureKind]
    n_cells: int
    labels: dict[str, Sequence[str]]
    accuracy: Sequence[MeasuredAccuracy]
    size: int
    folder: str
    manifest_sha256: str


@dataclass(frozen=True, eq=False)
class Site:
    """A site in memory.

    Attributes
    ----------
    spaces
        The spaces in the order in which the page lists them.
    files
        Content of each file by its path.
    """

    spaces: Sequence[SiteSpace]
    files: dict[str, bytes]

    @property
    def size(self) -> int:
        """Size of all files, in bytes."""
        return sum(map(len, self.files.values()))


def make_site(spaces: Sequence[PulledSpace]) -> Site:
    """Return the site that offers some spaces.

    Raises
    ------
    OSError
        If a file of a space cannot be read.
    """
    files = dict(page_files(onnx_runtime=any(needs_onnx_runtime(space.manifest) for space in spaces)))
    files |= {f"{GENES}{name}": content for name, content in gene_tables()}
    entries = []
    for space in spaces:
        folder = (
            f"spaces/{space.manifest.name}-{space.manifest_sha256[:8]}"  # a changed space never meets a stale cache
        )
        content = read_space(space)
        files |= {f"{folder}/{name}": each for name, each in content.items()}
        entries.append(site_space(space, folder, sum(map(len, content.values()))))
    files[CATALOGUE] = catalogue(entries, {name: each for name, each in files.items() if name.startswith(SHARED)})
    return Site(entries, files)


def read_space(space: PulledSpace) -> dict[str, bytes]:
    """Return the content of those files of a space that the page reads."""
    return {name: (space.path / name).read_bytes() for name in space_files(space.manifest)}


def site_space(space: PulledSpace, folder: str, size: int) -> SiteSpace:
    """Return the entry of a space."""
    manifest = space.manifest
    return SiteSpace(
        name=manifest.name,
        title=manifest.title,
        organism=latin_name(manifest.organism),
        tissue=manifest.tissue,
        intended_use=manifest.intended_use or "",
        kinds=_kinds(manifest),
        n_cells=manifest.reference.n_cells,
        labels={column.name: column.labels for column in manifest.reference.label_columns},
        accuracy=[
            MeasuredAccuracy(
                modality,
                accuracy_left_out_batches(manifest.metrics, modality),
                accuracy_left_out_cells(manifest.metrics, modality),
            )
            for modality in manifest.encoders
        ],
        size=size,
        folder=folder,
        manifest_sha256=space.manifest_sha256,
    )


def _kinds(manifest: Manifest) -> list[FeatureKind]:
    recipe = manifest.recipe.get("modalities", {})
    kinds = [kind_of_features(recipe.get(name, {}).get("kind", name)) for name in manifest.encoders]
    return [kind for kind in kinds if kind is not None]


def catalogue(spaces: Sequence[SiteSpace], shared: Mapping[str, bytes], **more: object) -> bytes:
    """Return the list of the spaces as JSON, with the version of this package.

    Parameters
    ----------
    spaces
        Entries of the spaces.
    shared
        Content of the files that all spaces share, by path; the list states their sha256.
    more
        Further fields.
    """
    records = {name: SharedFile(hashlib.sha256(content).hexdigest(), len(content)) for name, content in shared.items()}
    return msgspec.json.encode(
        {"version": metadata.version("smile-zoo"), "spaces": spaces, "shared_files": records, **more}
    )


def gene_tables() -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the tables of gene names."""
    folder = resources.files("smile_runtime.features").joinpath("genes")
    for name in GENE_TABLES:
        yield name, folder.joinpath(name).read_bytes()
