"""A recipe drafted from data files: what they say, checked, with a plan of what is trained on."""

from smile_training.draft.drafting import Draft, draft_recipe

__all__ = ["Draft", "draft_recipe"]
