"""Comparison with the baselines: where a space is behind one of them."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from smile_runtime.cards.markdown import escaped
from smile_runtime.manifest import OWN_METHOD, MetricRecord

_HIGHER_IS_BETTER = ("label transfer", "correlation of imputed values")
_LOWER_IS_BETTER = "FOSCTTM"
_STANDARD_ERRORS = 2.0


def behind_baselines(metrics: Sequence[MetricRecord]) -> str:
    """Return one sentence that says where the best baseline outperforms a space on left-out cells; empty if nowhere.

    Compared are accuracy, macro-F1, FOSCTTM and the correlation of imputed values, by their means over repeats in the
    three digits of the tables. Where it is known, the 95% interval of the difference follows.
    """
    behind = [
        f"{own.name}, {own.modality} ({own.mean:.3f}; {best.method}: {best.mean:.3f}{_difference(best)})"
        for own, best in leading_baselines(metrics)
    ]
    return f"On left-out cells, a baseline outperforms the space in {escaped('; '.join(behind))}." if behind else ""


def leading_baselines(metrics: Sequence[MetricRecord]) -> Iterator[tuple[MetricRecord, MetricRecord]]:
    """Yield each record of a space that a baseline outperforms, and that of the best baseline."""
    own = {(record.name, record.modality): record for record in metrics if record.method == OWN_METHOD}
    for (name, modality), record in own.items():
        if not name.startswith((*_HIGHER_IS_BETTER, _LOWER_IS_BETTER)):
            continue
        sign = -1 if name.startswith(_LOWER_IS_BETTER) else 1
        others = [each for each in metrics if (each.name, each.modality) == (name, modality) and each is not record]
        best = max(others, key=lambda each: sign * each.mean, default=record)
        if sign * round(best.mean, 3) > sign * round(record.mean, 3):
            yield record, best


def is_behind(own: MetricRecord, best: MetricRecord) -> bool:
    """Return whether the lead of a baseline is more than chance.

    That is, whether the paired interval of the difference lies below zero; where there is none, as for FOSCTTM, whether
    the difference is more than two standard errors over repeats.
    """
    if best.lead is not msgspec.UNSET:
        return best.lead[1] < 0
    error = math.hypot(own.std, best.std) / math.sqrt(own.n_repeats)
    return abs(best.mean - own.mean) > _STANDARD_ERRORS * error


def _difference(best: MetricRecord) -> str:
    if best.lead is msgspec.UNSET:
        return ""
    low, high = best.lead
    return f", difference {low:+.3f} to {high:+.3f}"
