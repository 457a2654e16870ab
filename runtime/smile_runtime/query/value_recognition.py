"""Recognition of values that are not whole numbers: which transform of counts they are, if any."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from smile_runtime.arrays import Matrix, row_sums, stored_values
from smile_runtime.errors import ValueKindError
from smile_runtime.manifest import ValueKind
from smile_runtime.query.transform import MAX_LOG_VALUE, NATURAL_LOG, Transform, hold_counts
from smile_runtime.query.value_evidence import (
    CELL_SCALE,
    LOGARITHMS,
    MIN_MULTIPLE_SHARE,
    MIN_ROUNDED_SHARE,
    TRANSFORMS,
    features_have_unit_sd,
    hold_fractional_counts,
    multiple_share,
)
from smile_runtime.query.value_kind import share_one_total

MIN_MIXED_SHARE = 0.2  # of the values, more than fit a transform by chance
EXACT_TRANSFORMS = (
    *LOGARITHMS,
    Transform("clr"),
    *(Transform("arcsinh", factor) for factor in (1.0, 5.0, 150.0)),
    Transform("square root"),
)


@dataclass(frozen=True)
class ValueInterpretation:
    """How a query's values are interpreted.

    Attributes
    ----------
    kind
        Kind of the values.
    total
        Normalization target assumed for log-normalized cells; None if each cell's own total shows it.
    undone
        Transform to undo first; None for none, or for the natural logarithm of log-normalized values.
    fractional
        Whether counts may be fractions.
    remarks
        What the values do not show, to be logged.
    """

    kind: ValueKind
    total: float | None = None
    undone: Transform | None = None
    fractional: bool = False
    remarks: tuple[str, ...] = ()

    @property
    def are_amounts(self) -> bool:
        """Whether values measure an amount of each feature, so that 0 is nothing."""
        return self.kind not in ("levels", "numbers")

    @property
    def transform(self) -> Transform | None:
        """Transform to undo; None for none."""
        return NATURAL_LOG if self.undone is None and self.kind == "lognorm" else self.undone


def recognize_scaled_counts(sample: Sequence[Matrix], noted_base: float | None) -> ValueInterpretation:
    """Recognize values for an encoder that scales each cell, so that only the proportions of its counts matter.

    Parameters
    ----------
    sample
        Rows of some cells, some with values that are not whole numbers.
    noted_base
        Base of the logarithm as the query notes it; None if it does not.

    Raises
    ------
    ValueKindError
        If the values are scaled by feature, a mixture, or too large for logarithms and not near whole numbers.
    """
    transform = recognize_transform(sample, noted_base)
    if transform is not None:
        return _interpret_transform(transform, noted_base)
    if features_have_unit_sd(sample):
        raise ValueKindError(
            "most features have a standard deviation of 1, as after scaling without centering; provide raw counts or "
            "log-normalized values"
        )
    if hold_fractional_counts(sample):
        return FRACTIONAL_COUNTS
    return _unverified(max(float(stored_values(rows).max(initial=0)) for rows in sample), noted_base)


def recognize_exact_counts(sample: Sequence[Matrix]) -> ValueInterpretation:
    """Recognize values for an encoder that needs the counts themselves, such as one with a centered log ratio.

    Raises
    ------
    ValueKindError
        If no inverse brings back whole numbers, and the values are not near whole numbers.
    """
    for transform in EXACT_TRANSFORMS:
        if _is_possible(sample, transform) and all(hold_counts(transform.undo(rows)) for rows in sample):
            return ValueInterpretation("counts", undone=transform, remarks=(_undone_text(transform),))
    if hold_fractional_counts(sample):
        return FRACTIONAL_COUNTS
    shown = recognize_transform(sample, None)
    found = "" if shown is None else f" but look like {shown} of counts that were scaled,"
    raise ValueKindError(
        f"the values are not whole numbers,{found} and this encoder needs raw counts: provide them, or state counts if "
        "these are estimated counts",
        options={"values": "counts"},
    )


def recognize_transform(sample: Sequence[Matrix], noted_base: float | None) -> Transform | None:
    """Return the transform of cell-wise scaled counts that values show; None if they show none.

    Raises
    ------
    ValueKindError
        If cells of two transforms are mixed.
    """
    shares: dict[Transform, float] = {}
    for transform in _candidates(noted_base):
        shares[transform] = multiple_share(sample, transform)
        if shares[transform] >= MIN_MULTIPLE_SHARE:
            return transform
    best = max(shares, key=lambda each: shares[each])
    first, second = sorted(LOGARITHMS, key=lambda each: -shares[each])[:2]
    if shares[second] >= MIN_MIXED_SHARE and shares[first] + shares[second] >= MIN_MULTIPLE_SHARE:
        raise ValueKindError(f"some cells hold {first} and others {second}; project them as separate queries")
    if shares[best] >= MIN_ROUNDED_SHARE:
        return best
    return next((each for each in LOGARITHMS if _show_total(sample, each)), None)


def contradiction(stated: ValueKind, transform: Transform | None, sample: Sequence[Matrix]) -> tuple[str, ...]:
    """Return what speaks against a stated kind of values; empty if nothing does."""
    if stated == "counts" and transform is not None and transform != CELL_SCALE:
        return (f"the values are stated to be counts, but look like {transform}; taking them as counts",)
    if stated == "lognorm" and (transform == CELL_SCALE or (transform is None and hold_fractional_counts(sample))):
        return ("the values are stated to be log-normalized, but look like counts; taking them as log-normalized",)
    return ()


def _candidates(noted_base: float | None) -> Iterable[Transform]:
    noted = Transform("log", noted_base) if noted_base is not None else NATURAL_LOG
    return dict.fromkeys((*TRANSFORMS, noted))


def _is_possible(sample: Sequence[Matrix], transform: Transform) -> bool:
    return all(stored_values(rows).max(initial=0) <= transform.max_value for rows in sample)


def _show_total(sample: Sequence[Matrix], transform: Transform) -> bool:
    """Return whether all cells have one total after undoing a transform, as with all their features."""
    if sum(rows.shape[0] for rows in sample) < 2 or not _is_possible(sample, transform):
        return False
    return share_one_total(np.concatenate([row_sums(transform.undo(rows)) for rows in sample]))


def _interpret_transform(transform: Transform, noted_base: float | None) -> ValueInterpretation:
    remarks = _contradicted_note(transform, noted_base)
    if transform == NATURAL_LOG:
        return ValueInterpretation("lognorm", remarks=remarks)
    kind: ValueKind = "lognorm" if transform.is_logarithm else "counts"
    return ValueInterpretation(kind, undone=transform, remarks=(_undone_text(transform), *remarks))


def _undone_text(transform: Transform) -> str:
    if transform == CELL_SCALE:
        return "the values are counts scaled by cell, without a logarithm; taking them as counts"
    return f"the values are {transform}; undoing it first"


def _contradicted_note(transform: Transform, noted_base: float | None) -> tuple[str, ...]:
    if noted_base is None or transform in (Transform("log", noted_base), Transform("double log")):
        return ()
    return (f"uns['log1p'] notes a logarithm to base {noted_base:.4g}, but the values are {transform}",)


def _unverified(largest: float, noted_base: float | None) -> ValueInterpretation:
    """Interpret values that show no transform: as the noted or natural logarithm if they can be logarithms."""
    noted = NATURAL_LOG if noted_base is None else Transform("log", noted_base)
    if largest > min(noted.max_value, MAX_LOG_VALUE):
        raise ValueKindError(
            f"the values are not whole numbers and reach {largest:,.1f}: neither counts nor log-normalized; "
            "provide raw counts, state counts if these are estimated counts, or project cells with counts and "
            "log-normalized cells separately if the query mixes them",
            options={"values": "counts"},
        )
    source = "" if noted_base is None else ", as uns['log1p'] notes"
    remark = (
        f"the values show neither counts nor a logarithm of them; taking them as {noted}{source}. Results are wrong if "
        "they are anything else: provide raw counts, or state their kind"
    )
    return ValueInterpretation("lognorm", undone=None if noted == NATURAL_LOG else noted, remarks=(remark,))


FRACTIONAL_COUNTS = ValueInterpretation(
    "counts",
    fractional=True,
    remarks=("the values are not whole numbers but look like corrected or estimated counts; taking them as counts",),
)
