"""Kinds of features: what each column of a matrix measures, by a column of ``var`` or by the ids themselves."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from smile_runtime.features.gene_aliases import latin_name
from smile_runtime.features.intervals import are_intervals
from smile_runtime.io import counted

if TYPE_CHECKING:
    import pandas as pd

FeatureKind = Literal[
    "genes", "antibodies", "peaks", "guides", "hashtags", "other features", "features of another species"
]
"""What a column measures; ``other features`` are of a stated kind that no encoder takes."""

Kinds: TypeAlias = "NDArray[np.object_]"
"""Kind of each column, or None where it is unknown, shape ``(n_vars,)``."""

_KIND_COLUMNS = ("feature_types", "feature_type", "modality")
_WORDS: dict[FeatureKind, tuple[str, ...]] = {
    "genes": ("gene expression", "gene", "genes", "gex", "rna", "mrna", "transcript", "transcriptome"),
    "antibodies": ("antibody capture", "antibody", "antibodies", "adt", "cite", "prot", "protein", "proteins", "abseq"),
    "peaks": ("peaks", "peak", "atac", "chromatin", "chromatin accessibility", "bins"),
    "guides": ("crispr guide capture", "crispr", "guide", "guides", "grna", "sgrna", "gdo"),
    "hashtags": ("multiplexing capture", "multiplexing", "hto", "hashtag", "hashtags", "cmo"),
    "other features": ("custom", "antigen capture"),
}
_KIND_OF_WORD = {word: kind for kind, words in _WORDS.items() for word in words}
_KIND_OF_MODALITY: dict[str, FeatureKind] = {
    "rna": "genes",
    "adt": "antibodies",
    "atac": "peaks",
    "histone": "peaks",
}

_GENOME = re.compile(r"(?:(GRCh3[78]|hg19|hg38)|(GRCm3[89]|mm9|mm10|mm39))[_:.-]", re.IGNORECASE)
_ORGANISM_OF_GROUP = {1: "Homo sapiens", 2: "Mus musculus"}

# No gene has such a name: neither clones (RP11-34P13.7), families (HLA-A), tRNA (TRA-AGC-1-2) nor worm genes (adt-1).
_CHROMOSOME = r"(?:chr[\w.]{1,30}|\d{1,2}[LR]?|[XYM]|MT|(?:GL|KI|JH|MU|N[CTW]_)\d{5,}(?:\.\d+)?)"
_PATTERNS: dict[FeatureKind, str] = {
    "hashtags": r"HTO[_.:-].+|(?i:hto[_:].+|hashtag.*)",
    "antibodies": r"AB_.+|ADT[.-].+|.+[.-]ADT|(?i:.+totalseq.*|adt[_:].+|.+_adt|prot(?:ein)?[_:].+|.+\|pabo)",
    "peaks": rf"(?:\w{{1,20}}?[_:])?{_CHROMOSOME}[:._-]\d[\d,]{{2,}}[._-]\d[\d,]{{2,}}",
    "genes": r"(?i:rna|gex):.+",
}
_KIND_OF_PATTERN: dict[str | None, FeatureKind] = {f"_{number}": kind for number, kind in enumerate(_PATTERNS)}
_ID = re.compile("|".join(f"(?P<_{number}>{pattern})" for number, pattern in enumerate(_PATTERNS.values())))
_MIN_COLUMNS_BY_ID = 3  # fewer could be oddly named features of the encoder's own kind
_MIN_OWN_FRACTION = 0.9  # of an encoder's ids
_MIN_UNKNOWN_GENES = 200  # beside antibodies or peaks; no panel has so many antibodies without their mark


@dataclass(frozen=True, eq=False, kw_only=True)
class KindSelection:
    """Columns of a matrix that hold one kind of features.

    Attributes
    ----------
    columns
        Indices of the columns, ascending, shape ``(n_columns,)``.
    left_out
        Number of the other columns, by kind.
    source
        Column of ``var`` that states the kinds; None if the ids show them.
    """

    columns: NDArray[np.intp]
    left_out: dict[FeatureKind, int]
    source: str | None

    def __str__(self) -> str:
        n_left_out = sum(self.left_out.values())
        kinds = " and ".join(f"{number:,} {kind}" for kind, number in self.left_out.items())
        n_columns = len(self.columns) + n_left_out
        return f"{counted(n_left_out, 'column', 'are', of=n_columns)} left out: {kinds}, as " + (
            f"var[{self.source!r}] states" if self.source else "ids show; if wrong, state var['feature_types']"
        )


def kind_of_features(modality: str, ids: Sequence[str] = ()) -> FeatureKind | None:
    """Return the kind of an encoder's or a data set's features.

    Parameters
    ----------
    modality
        Kind of the values, as in a recipe: ``rna``, ``adt``, ``atac``, ...
    ids
        Ids of the encoder's features, if they are known; they may show another kind than was stated.

    Returns
    -------
        None for values whose features may be anything, such as contacts.
    """
    kind = _KIND_OF_MODALITY.get(modality)
    if kind is None or not ids:
        return kind
    if are_intervals(ids):
        return "peaks"
    shown, number = Counter(_kinds_of_ids(ids)).most_common(1)[0]
    return kind if shown is None or number < _MIN_OWN_FRACTION * len(ids) else shown


def words_of_kind(kind: FeatureKind | None) -> tuple[str, ...]:
    """Return the words that state a kind of features, in lower case."""
    return () if kind is None else _WORDS[kind]


def modality_of_word(word: str, kinds: Mapping[str, FeatureKind | None]) -> str:
    """Return the modality that a word names: itself, or the only one whose kind of features it states.

    Parameters
    ----------
    word
        Name of a modality, or a word for its features, such as ``prot``.
    kinds
        Kind of the features of each modality; None if they may be anything.

    Returns
    -------
        The word as it is, if it names no modality or several.
    """
    kind = _KIND_OF_WORD.get(word.casefold())
    found = [] if kind is None or word in kinds else [modality for modality, each in kinds.items() if each == kind]
    return found[0] if len(found) == 1 else word


def recognize_kind(var: "pd.DataFrame") -> FeatureKind | None:
    """Return the kind of features that a matrix holds: genes if some are known to be genes; None if nothing tells."""
    if are_intervals(ids := var.index.astype(str).tolist()):
        return "peaks"
    stated, _ = _stated_kinds(var)
    kinds = np.where(_is_unknown(stated), np.array([*_kinds_of_ids(ids), None], object)[:-1], stated)
    if "genes" in _several(kinds):
        return "genes"
    most: FeatureKind | None = next((kind for kind, _ in Counter(kinds.tolist()).most_common(1)), None)
    return most


def stated_kinds(var: "pd.DataFrame") -> set[FeatureKind]:
    """Return the kinds of features that a column of ``var`` states."""
    return {kind for kind in _stated_kinds(var)[0] if kind is not None}


def select_kind(
    var: "pd.DataFrame", kind: FeatureKind | None, own_ids: Sequence[str] = (), *, organism: str = ""
) -> KindSelection:
    """Select the columns of a kind of features, leaving out those of other kinds; all columns if none would remain.

    Parameters
    ----------
    var
        Feature annotation, one row per column of the matrix. ``feature_types``, ``feature_type`` or ``modality`` state
        the kinds, in the words of 10x or of muon; the ids show those of columns that are not stated.
    kind
        Kind to select; None for all columns.
    own_ids
        Ids of the encoder's features; kinds that these show are never left out.
    organism
        Species whose features are selected if a column ``genome`` or the ids' prefixes tell them from another's, as
        after counting in a mixed reference; empty for any.
    """
    everything = KindSelection(columns=np.arange(len(var)), left_out={}, source=None)
    if kind is None:
        return everything
    stated, source = _stated_kinds(var)
    unknown = _is_unknown(stated)
    kinds = np.where(unknown, _shown_kinds(var.index.astype(str), kind), stated) if unknown.any() else stated
    kinds[_is_of_another_species(var, latin_name(organism))] = "features of another species"
    kept = _is_unknown(kinds) | np.isin(kinds.astype(str), [kind, *_several(_kinds_of_ids(own_ids))])
    if not kept.any():
        return everything
    left_out: Counter[FeatureKind] = Counter(kinds[~kept].tolist())
    return KindSelection(columns=np.flatnonzero(kept), left_out=dict(left_out.most_common()), source=source)


def _is_unknown(kinds: Kinds) -> NDArray[np.bool_]:
    return np.array([kind is None for kind in kinds], bool)


def _is_of_another_species(var: "pd.DataFrame", organism: str) -> NDArray[np.bool_]:
    """Return which columns belong to another species, if others belong to the organism."""
    genomes = next((column.astype(str) + "_" for _, column in _columns_named("genome", var)), var.index.astype(str))
    hits = (_GENOME.match(name) for name in genomes)
    organisms = [None if hit is None else _ORGANISM_OF_GROUP[hit.lastindex or 0] for hit in hits]
    own = np.array([each == organism for each in organisms], bool)
    other = np.array([each not in (None, organism) for each in organisms], bool)
    return other if own.any() else np.zeros(len(var), bool)


def _stated_kinds(var: "pd.DataFrame") -> tuple[Kinds, str | None]:
    """Return the kinds stated by the column of ``var`` that distinguishes most of them, and its name."""
    best: tuple[Kinds, str | None] = (np.full(len(var), None, object), None)
    n_best = 0
    for name in _KIND_COLUMNS:
        for title, column in _columns_named(name, var):
            kinds = _kinds_of_words(column)
            if (n_kinds := len(set(kinds) - {None})) > n_best:
                best, n_best = (kinds, title), n_kinds
    return best


def _columns_named(name: str, var: "pd.DataFrame") -> "Iterator[tuple[str, pd.Series[str]]]":
    """Yield the columns of that name in any letter case, with their titles."""
    for index, title in enumerate(map(str, var.columns)):
        if title.casefold() == name:
            yield title, var.iloc[:, index]


def _kinds_of_words(words: "pd.Series[str]") -> Kinds:
    import pandas as pd

    codes, different = pd.factorize(words.astype(str))
    kinds = [_KIND_OF_WORD.get(re.sub(r"[\s_-]+", " ", word).strip().casefold()) for word in different]
    return np.array([*kinds, None], object)[codes]


def _kinds_of_ids(ids: Iterable[str]) -> list[FeatureKind | None]:
    hits = (_ID.fullmatch(name) for name in ids)
    return [None if hit is None else _KIND_OF_PATTERN[hit.lastgroup] for hit in hits]


def _several(kinds: Iterable[FeatureKind | None]) -> list[FeatureKind]:
    """Return the kinds of several columns."""
    return [kind for kind, n in Counter(kinds).items() if kind is not None and n >= _MIN_COLUMNS_BY_ID]


def _shown_kinds(ids: Iterable[str], kind: FeatureKind) -> Kinds:
    """Return the kinds that ids show, if several columns are of that kind and antibodies do not outnumber genes."""
    shown = _kinds_of_ids(ids)
    several, n_unknown = _several(shown), shown.count(None)
    if kind == "genes" and shown.count("antibodies") > n_unknown + shown.count("genes"):
        several = [each for each in several if each != "antibodies"]
    kinds = np.array([each if each in several else None for each in shown] + [None], object)[:-1]
    if kind in ("antibodies", "peaks") and kind in several and n_unknown >= _MIN_UNKNOWN_GENES:
        kinds[_is_unknown(kinds)] = "genes"
    return kinds
