"""The rows of the page's tables on features and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smile_runtime.io import share_text

_MATCH_ROWS = {
    "n_same": "matched by the space's own id",
    "n_respelled": "matched by that id with another version or spelling",
    "n_other_id": "matched by another current id of the gene",
    "n_alias": "matched by a former or alternative name",
    "n_overlap": "matched by overlap",
    "n_case": "not matched: the letter case differs",
}
_PROVENANCE_ROWS = {
    "space": "space",
    "revision": "revision",
    "manifest_sha256": "manifest sha256",
    "modality": "modality",
    "values": "values interpreted as",
    "provider": "ran on",
    "unknown_rate": "accepted rate of known types called unknown",
}


@dataclass(frozen=True)
class FeatureRows:
    """How the encoder's features were matched, ready to print.

    Attributes
    ----------
    n_matched
        Number of features found in the query.
    n_features
        Number of features of the encoder.
    weight
        Matched fraction of the encoder's feature weight, 0 to 1.
    rows
        Captions and counts for each way of matching.
    missing
        Missing features with the largest weight, and their fractions of the encoder's feature weight.
    """

    n_matched: int
    n_features: int
    weight: float
    rows: list[tuple[str, str]]
    missing: list[tuple[str, float]]


def feature_rows(provenance: Mapping[str, Any]) -> FeatureRows:
    """Return the rows about features from the provenance of a projection."""
    report = provenance["features"]
    source = report["source"] if report["source"] == "var_names" else f"var[{report['source']!r}]"
    rows = [("ids in the query", f"{report['kind']} in {source}")]
    rows += [(caption, f"{report[name]:,}") for name, caption in _MATCH_ROWS.items() if report[name]]
    if len(report["summed"]):
        rows.append(("summed over several columns", f"{len(report['summed']):,}"))
    rows += [(f"{kind} in the query, left out", f"{number:,}") for kind, number in report["left_out"].items()]
    rows.append(("missing", f"{report['n_features'] - provenance['n_features_matched']:,}"))
    if "n_feature_sets" in provenance:
        rows.append(("different sets of features in the cells", f"{provenance['n_feature_sets']:,}"))
        rows.append(("lowest measured fraction", share_text(provenance["lowest_weight_matched"])))
    missing = list(zip(map(str, report["missing"]), map(float, report["missing_weight"]), strict=True))
    return FeatureRows(provenance["n_features_matched"], report["n_features"], report["weight"], rows, missing)


def provenance_rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the rows about space, values, provider and versions from the provenance of a projection."""
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    rows = [(caption, str(provenance[name])) for name, caption in _PROVENANCE_ROWS.items()]
    return [*rows, ("versions", versions)]
