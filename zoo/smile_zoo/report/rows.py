"""What the tables of the page say of features and provenance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_WAYS = {
    "n_same": "found by their own id",
    "n_respelled": "found by it, spelled or versioned differently",
    "n_other_id": "found by another current id of the gene",
    "n_alias": "found by a former or other name",
    "n_overlap": "found by overlap",
    "n_case": "not found, but written in other letter case",
}
_FACTS = {
    "space": "space",
    "revision": "revision",
    "manifest_sha256": "manifest sha256",
    "modality": "modality",
    "values": "values taken as",
    "provider": "ran on",
    "unknown_rate": "cells of known types that may be called unknown",
}


@dataclass(frozen=True)
class FeatureRows:
    """What is said of the features.

    Attributes
    ----------
    n_matched, n_features
        How many were found, and how many the encoder has.
    weight
        Share of what the encoder looks at that was found.
    rows
        Names and values: by which ids how many were found.
    missing
        Names and shares of those missing that the encoder looks at most.
    """

    n_matched: int
    n_features: int
    weight: float
    rows: list[tuple[str, str]]
    missing: list[tuple[str, float]]


def feature_rows(provenance: Mapping[str, Any]) -> FeatureRows:
    """Return what a projection's provenance says of its features."""
    report = provenance["features"]
    source = report["source"] if report["source"] == "var_names" else f"var[{report['source']!r}]"
    rows = [("ids of the query", f"{report['kind']} in {source}")]
    rows += [(text, f"{report[name]:,}") for name, text in _WAYS.items() if report[name]]
    if len(report["summed"]):
        rows.append(("found in several columns, added up", f"{len(report['summed']):,}"))
    rows.append(("missing", f"{report['n_features'] - provenance['n_features_matched']:,}"))
    missing = list(zip(map(str, report["missing"]), map(float, report["missing_weight"]), strict=True))
    return FeatureRows(provenance["n_features_matched"], report["n_features"], report["weight"], rows, missing)


def provenance_rows(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of what made a projection."""
    versions = ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
    facts = [(text, str(provenance[name])) for name, text in _FACTS.items()]
    return [*facts, ("versions", versions)]
