"""Model cards, rendered from a manifest."""

from smile_runtime.cards.card import (
    CITATION,
    END,
    LIMITS,
    TRAINING_DATA,
    USE,
    render_card,
)
from smile_runtime.cards.front_matter import join_front, split_front
from smile_runtime.cards.tables import metric_table

__all__ = [
    "CITATION",
    "END",
    "LIMITS",
    "TRAINING_DATA",
    "USE",
    "join_front",
    "metric_table",
    "render_card",
    "split_front",
]
