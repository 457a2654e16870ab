"""An encoder's features, and how the features of a query are matched to them."""

from smile_runtime.features.feature_match import FeatureMatch, require_summable
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.matching import find_match, match_query

__all__ = ["FeatureMatch", "FeatureTable", "find_match", "match_query", "require_summable"]
