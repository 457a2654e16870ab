"""Comparison with the baselines: where a space is behind one of them."""

from collections.abc import Iterator, Sequence

from smile_runtime.cards.markdown import escaped
from smile_runtime.cards.tables import OWN_METHOD
from smile_runtime.manifest import MetricRecord

_HIGHER_IS_BETTER = "label transfer"
_LOWER_IS_BETTER = "FOSCTTM"


def behind_baselines(metrics: Sequence[MetricRecord]) -> str:
    """Return one sentence that says where the best baseline outperforms a space on held-out cells; empty if nowhere.

    Compared are accuracy, macro-F1 and FOSCTTM, by their means over repeats in the three digits of the tables.
    """
    behind = [
        f"{own.name}, {own.modality} ({own.mean:.3f}; {best.method}: {best.mean:.3f})"
        for own, best in leading_baselines(metrics)
    ]
    return f"On held-out cells, a baseline outperforms the space in {escaped('; '.join(behind))}." if behind else ""


def leading_baselines(metrics: Sequence[MetricRecord]) -> Iterator[tuple[MetricRecord, MetricRecord]]:
    """Yield each record of a space that a baseline outperforms, and that of the best baseline."""
    own = {(record.name, record.modality): record for record in metrics if record.method == OWN_METHOD}
    for (name, modality), record in own.items():
        if not name.startswith((_HIGHER_IS_BETTER, _LOWER_IS_BETTER)):
            continue
        sign = -1 if name.startswith(_LOWER_IS_BETTER) else 1
        others = [each for each in metrics if (each.name, each.modality) == (name, modality) and each is not record]
        best = max(others, key=lambda each: sign * each.mean, default=record)
        if sign * round(best.mean, 3) > sign * round(record.mean, 3):
            yield record, best
