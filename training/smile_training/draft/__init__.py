"""A recipe drafted from data files: what they say, checked, with a plan of what is trained on."""

from smile_training.draft.column import Column, batches_by_file, choose_column
from smile_training.draft.drafting import Draft, draft_recipe
from smile_training.draft.origin import space_name

__all__ = ["Column", "Draft", "batches_by_file", "choose_column", "draft_recipe", "space_name"]
