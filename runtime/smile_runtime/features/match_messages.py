"""Messages about a match: its summary, warnings and errors."""

import re
from collections.abc import Mapping, Sequence

from smile_runtime.errors import FeatureMatchError
from smile_runtime.features.common_affixes import find_common_affixes
from smile_runtime.features.feature_kinds import FeatureKind, kind_of_features
from smile_runtime.features.feature_report import FeatureReport
from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.id_candidates import VAR_NAMES
from smile_runtime.features.intervals import are_intervals
from smile_runtime.features.species_mismatch import SpeciesMismatch
from smile_runtime.io import counted, share_text

_N_EXAMPLES = 3
_UNNAMED = re.compile(r"\s*(?:-\d+)?")  # nothing, also after it was made unique
_MIN_CASE_FRACTION = 0.01


def match_summary(report: FeatureReport) -> str:
    """Summarize in one line which ids matched, and how many by each rule."""
    numbers = {
        "by their own id": report.n_same,
        "by another spelling"
        if report.kind == "coordinates"
        else "by their id without version or as R spells it": report.n_respelled,
        "by Ensembl id and symbol of the same gene": report.n_other_id,
        "by a former name or alias": report.n_alias,
        "by overlap": report.n_overlap,
    }
    by_rule = ", ".join(f"{number:,} {rule}" for rule, number in numbers.items() if number)
    return (
        f"matched {report.n_matched:,} of {report.n_features:,} features to {report.location} ({report.kind}): "
        f"{by_rule or 'none'}"
    )


def low_weight_warning(report: FeatureReport) -> str:
    """Describe how little was measured, which missing features weigh most, and what to do."""
    heaviest = zip(report.missing[:_N_EXAMPLES], report.missing_weight[:_N_EXAMPLES], strict=True)
    examples = ", ".join(f"{name} ({share_text(weight)})" for name, weight in heaviest)
    return (
        f"the query measured only {share_text(report.weight, 0)} of the encoder's feature weight "
        f"({report.n_matched:,} of {report.n_features:,} features; heaviest missing: {examples}), so labels are less "
        "certain; provide all measured features, using ids from the space"
    )


def overridden_warning(report: FeatureReport, min_weight: float) -> str:
    """Describe a query that was accepted although it measured less than the space requires."""
    return (
        f"the query measured {share_text(report.weight)} of the encoder's feature weight, less than the "
        f"{min_weight:.1%} that this space requires; it is projected because min_matched is lower, and "
        "its labels may be wrong"
    )


def case_warning(report: FeatureReport) -> str:
    """Describe missing features that differ from the query's only in letter case; empty for 1% of them or fewer."""
    if report.n_case <= _MIN_CASE_FRACTION * report.n_features:
        return ""
    query_id, space_id = report.case_example
    return (
        f"the space has {counted(report.n_case, 'feature')} whose names differ from the query's only in letter case "
        f"({query_id!r} in the query, {space_id!r} in the space): ignored, because letter case distinguishes species; "
        "rename the query's if they are the same genes"
    )


def affix_warning(report: FeatureReport) -> str:
    """Describe a prefix or suffix that was dropped; empty without one."""
    return report.dropped and f"nearly all ids in {report.location} {report.dropped}; they match without it"


def species_mismatch_error(mismatch: SpeciesMismatch, organism: str) -> FeatureMatchError:
    """Return the error for a query of another species."""
    return FeatureMatchError(
        f"the query's features look like {mismatch.kind} of {mismatch.organism} ({_examples(mismatch.examples)}), but "
        f"the space is for {organism}; choose a space for {mismatch.organism} (`smile-zoo suggest` ranks those "
        "that are here), or map the genes to one-to-one orthologs and use their names in the space"
    )


def other_kind_error(kind: FeatureKind, ids: Sequence[str]) -> FeatureMatchError:
    """Return the error for features that are stated to be of another kind than genes."""
    return FeatureMatchError(
        f"the query's features are {kind}, as var['feature_types'] states ({_examples(ids)}), but the encoder takes "
        f"genes; choose an encoder for {kind}, or a query with genes",
        options={"modality": None},
    )


def low_weight_error(
    report: FeatureReport,
    candidates: Mapping[str, Sequence[str]],
    features: FeatureTable,
    *,
    min_weight: float,
    overlap: bool,
    genes: bool,
) -> FeatureMatchError:
    """Return the error for a query that measured nothing, or less than ``min_weight`` of the feature weight."""
    ids = candidates[report.source]
    found = (
        f"the query has only {report.n_matched:,} of the space's {report.n_features:,} features, "
        f"{share_text(report.weight)} of the encoder's feature weight ({min_weight:.1%} is needed)"
        if report.n_matched
        else f"none of the space's {report.n_features:,} features is in the query"
    )
    if genes and (kind := kind_of_features("rna", ids)) != "genes":
        return FeatureMatchError(
            f"the query's features look like {kind}, not genes ({_examples(ids)}{_searched(candidates)}), but the "
            f"encoder takes genes; choose an encoder for {kind}, or a query with genes",
            options={"modality": None},
        )
    if all(map(_UNNAMED.fullmatch, ids)):
        return FeatureMatchError(
            f"the query's features have no names{_searched(candidates)}, but the space's are named like "
            f"{_examples(features.ids)}; put names or ids of that kind into adata.var_names or a column of adata.var"
        )
    is_named = kind_of_features("rna", ids) == "peaks" or any(map(are_intervals, candidates.values()))
    if are_intervals(features.ids) and not is_named:
        return FeatureMatchError(
            f"the query's features are not named by coordinates ({_examples(ids)}{_searched(candidates)}), but the "
            f"encoder takes peaks of open chromatin ({_examples(features.ids)}); if they are genes, choose an encoder "
            "for genes; if they are peaks, name them by their coordinates",
            options={"modality": None},
        )
    text = (
        f"{found}{_searched(candidates)}; the query's ids look like {_examples(ids)}, the space's like "
        f"{_examples(features.ids)}: "
    )
    affixes = find_common_affixes(ids, features.ids)
    affix = f". Nearly all of the query's ids {affixes}, but match no better without it" if affixes else ""
    if are_intervals(features.ids) and are_intervals(ids):
        text += "count in the space's peaks, on its genome assembly"
        if overlap:
            return FeatureMatchError(text + affix)
        return FeatureMatchError(f"{text}, or match peaks by overlap{affix}", options={"overlap": True})
    case = case_warning(report)
    advice = "put the same kind of ids into adata.var_names or a column of adata.var"
    if not report.n_matched:
        return FeatureMatchError(text + advice + affix + (case and f". {case}"))
    return FeatureMatchError(
        f"{text}{advice}{affix}{case and f'. {case}'}. To project it nevertheless, lower the minimum",
        options={"min_matched": None},
    )


def not_intervals_error(ids: Sequence[str]) -> FeatureMatchError:
    """Return the error for overlap with features that are not intervals."""
    return FeatureMatchError(
        f"only peaks and bins can overlap, but this encoder takes features like {_examples(ids)}; match exact ids",
        options={"overlap": False},
    )


def _searched(candidates: Mapping[str, Sequence[str]]) -> str:
    """Name the columns that were searched for ids; empty for ``var_names`` only."""
    columns = ", ".join(repr(name) for name in candidates if name != VAR_NAMES)
    if VAR_NAMES not in candidates:
        return f", after searching only the column {columns} of var"
    return columns and f", after searching var_names and the columns {columns} of var"


def _examples(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names[:_N_EXAMPLES])
