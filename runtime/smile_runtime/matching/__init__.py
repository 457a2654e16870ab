"""A query's features matched to an encoder's, by whatever id the query has."""

from smile_runtime.matching.candidates import id_candidates
from smile_runtime.matching.found import FeatureMatch, require_summable
from smile_runtime.matching.match import WARNING_LEVEL, find_match, match_features, match_query
from smile_runtime.matching.names import FeatureNames, Found, Way
from smile_runtime.matching.report import FeatureReport

__all__ = [
    "WARNING_LEVEL",
    "FeatureMatch",
    "FeatureNames",
    "FeatureReport",
    "Found",
    "Way",
    "find_match",
    "id_candidates",
    "match_features",
    "match_query",
    "require_summable",
]
