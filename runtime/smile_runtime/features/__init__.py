"""An encoder's features, and the matching of a query's features to them."""

from smile_runtime.features.feature_match import FeatureMatch, require_summable
from smile_runtime.features.feature_names import fraction_of_features
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.matching import log_match, match_features

__all__ = ["FeatureMatch", "FeatureTable", "fraction_of_features", "log_match", "match_features", "require_summable"]
