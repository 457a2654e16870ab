"""Model cards, rendered from a manifest.

Cards are part of the runtime because both training and the zoo write them, and neither may import the other.
"""

from smile_runtime.cards.card import (
    CITATION,
    END,
    LIMITS,
    TRAINING_DATA,
    USE,
    render_card,
)
from smile_runtime.cards.extensions import extension_text
from smile_runtime.cards.front_matter import join_front, split_front
from smile_runtime.cards.imputed_features import imputation_text
from smile_runtime.cards.statements import (
    is_unstated,
    license_problem,
    mistaken_facts,
    organism_problem,
    unstated_facts,
    url_problem,
)
from smile_runtime.cards.tables import metric_table

__all__ = [
    "CITATION",
    "END",
    "LIMITS",
    "TRAINING_DATA",
    "USE",
    "extension_text",
    "imputation_text",
    "is_unstated",
    "join_front",
    "license_problem",
    "metric_table",
    "mistaken_facts",
    "organism_problem",
    "render_card",
    "split_front",
    "unstated_facts",
    "url_problem",
]
