"""What is said of a match: in one line, as a warning, as an error."""

from collections.abc import Mapping, Sequence

from smile_runtime.features.feature_table import FeatureTable
from smile_runtime.features.id_candidates import INDEX
from smile_runtime.features.intervals import are_intervals
from smile_runtime.features.match_report import FeatureReport
from smile_runtime.features.species import SpeciesMismatch

_SHOWN = 3
_FEW = 0.01


def found_line(report: FeatureReport) -> str:
    """Say by which ids features were found, and how many in which way."""
    rules = {
        "by their own id": report.n_same,
        "by another spelling" if report.kind == "coordinates" else "by their id without version": report.n_respelled,
        "by Ensembl id and symbol of the same gene": report.n_other_id,
        "by a former name or alias": report.n_alias,
        "by overlap": report.n_overlap,
    }
    parts = ", ".join(f"{number:,} {way}" for way, number in rules.items() if number)
    return (
        f"{report.n_matched:,} of {report.n_features:,} features found by {report.place} ({report.kind}): "
        f"{parts or 'none'}"
    )


def little_warning(report: FeatureReport) -> str:
    """Say that little was measured, what is missed most, and what to do."""
    heaviest = zip(report.missing[:_SHOWN], report.missing_weight[:_SHOWN], strict=True)
    shown = ", ".join(f"{name} ({weight:.1%})" for name, weight in heaviest)
    return (
        f"only {report.weight:.0%} of what the encoder looks at was measured ({report.n_matched:,} of "
        f"{report.n_features:,} features; missed most: {shown}), so labels are less certain: give all features that "
        "were measured and not a selection, under ids that the space knows"
    )


def case_warning(report: FeatureReport) -> str:
    """Say which features differ from the query's in letter case alone; empty where there are few or none."""
    if report.n_case <= _FEW * report.n_features:
        return ""
    theirs, ours = report.case_example
    return (
        f"{report.n_case:,} of the space's features would be found but for letter case ({theirs!r}, the space has "
        f"{ours!r}) and are not used, as symbols of species differ so: rename them if they are the same genes"
    )


def species_mismatch_error(mismatch: SpeciesMismatch, organism: str) -> str:
    """Say whose genes a query's are, and what to do."""
    return (
        f"the query's features look like {mismatch.kind} of {mismatch.organism} ({_sample(mismatch.examples)}), the "
        f"space is of {organism}; take a space of {mismatch.organism}, or map the genes to their one-to-one orthologs "
        "first and name them as the space does"
    )


def little_error(
    report: FeatureReport,
    candidates: Mapping[str, Sequence[str]],
    features: FeatureTable,
    min_weight: float,
    *,
    overlap: bool,
) -> str:
    """Say what was found, where it was looked for, what was needed, and what to do."""
    ids = candidates[report.source]
    text = (
        f"only {report.n_matched:,} of the space's {report.n_features:,} features are in the query, "
        f"{report.weight:.1%} of what the encoder looks at ({min_weight:.1%} is needed){_looked(candidates)}; the "
        f"query's names are like {_sample(ids)}, the space's like {_sample(features.ids)}: "
    )
    if are_intervals(features.ids) and are_intervals(ids):
        return (
            text
            + "count in the space's peaks, on its genome assembly"
            + ("" if overlap else ", or take peaks that overlap (--overlap)")
        )
    case = case_warning(report)
    return text + "put the same kind of id into adata.var_names or a column of adata.var" + (case and f". {case}")


def _looked(candidates: Mapping[str, Sequence[str]]) -> str:
    """Say where ids were looked for; empty where that is ``var_names`` alone."""
    columns = ", ".join(repr(name) for name in candidates if name != INDEX)
    if INDEX not in candidates:
        return f", looked for in the column {columns} of var alone"
    return columns and f", looked for in var_names and the columns {columns} of var"


def _sample(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names[:_SHOWN]) or "(none)"
