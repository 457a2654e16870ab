"""An encoder's features, and the matching of a query's features to them."""

from smile_runtime.features.ensembl_ids import strip_version
from smile_runtime.features.feature_kinds import (
    FeatureKind,
    KindSelection,
    kind_of_features,
    modality_of_word,
    recognize_kind,
    select_kind,
    stated_kinds,
    words_of_kind,
)
from smile_runtime.features.feature_match import FeatureMatch, require_summable
from smile_runtime.features.feature_names import fraction_of_features
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.gene_aliases import common_name, latin_name, load_gene_aliases, organisms_with_aliases
from smile_runtime.features.intervals import are_intervals, parse_interval
from smile_runtime.features.matching import log_match, match_features
from smile_runtime.features.species_mismatch import recognize_organism

__all__ = [
    "FeatureKind",
    "FeatureMatch",
    "FeatureTable",
    "KindSelection",
    "are_intervals",
    "common_name",
    "fraction_of_features",
    "kind_of_features",
    "latin_name",
    "load_gene_aliases",
    "log_match",
    "match_features",
    "modality_of_word",
    "organisms_with_aliases",
    "parse_interval",
    "recognize_kind",
    "recognize_organism",
    "require_summable",
    "select_kind",
    "stated_kinds",
    "strip_version",
    "words_of_kind",
]
