"""Section of a card on the values of other modalities that a space imputes."""

from collections.abc import Iterable

from smile_runtime.cards.markdown import escaped
from smile_runtime.cards.tables import markdown_table
from smile_runtime.manifest import ImputationRecord, Manifest

_EXPLANATION = """\
`smile-zoo impute` gives cells values of another modality: the mean of their nearest reference points, whose values come
from the training cells near them. They are typical of such cells and no measurement: differences among cells near the
same points are lost. The tables give the correlation of expected and measured values over cells that were left out of
training, beside that of the mean of the 15 nearest training cells by PCA or LSI. Features that were not predicted
better than by their mean are not imputed.
"""


def imputed_features(manifest: Manifest) -> str:
    """Return how well each feature is imputed; empty if the space imputes nothing."""
    records = manifest.imputations or ()
    return f"{_EXPLANATION}\n{imputation_tables(records)}" if records else ""


def imputation_tables(records: Iterable[ImputationRecord]) -> str:
    """Return one table of features for each record."""
    return "\n".join(map(_table, records))


def imputation_text(record: ImputationRecord) -> str:
    """Return in one line what is imputed from what."""
    return (
        f"{record.modality_to} from {record.modality_from}: {len(record.predicted):,} of {len(record.features):,} "
        f"features, measured in {record.n_cells:,} left-out cells"
    )


def _table(record: ImputationRecord) -> str:
    rows = [
        [
            escaped(each.id),
            f"{each.correlation:.3f}",
            f"{each.correlation_knn:.3f}",
            "yes" if each.is_predicted else "no",
        ]
        for each in record.features
    ]
    header = ["feature", "correlation", "of nearest neighbors", "imputed"]
    return f"{escaped(imputation_text(record))} ({escaped(record.unit)}):\n\n{markdown_table(header, rows)}"
