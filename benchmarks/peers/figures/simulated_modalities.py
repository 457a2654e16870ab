"""Cells of every modality of a recipe, measured or simulated as the recipe says."""

from pathlib import Path

import anndata
from spaces import RECIPES

from smile_training.data.data_files import open_data_files
from smile_training.recipe.read import read_recipe


def open_modalities(recipe: str, data: Path) -> dict[str, anndata.AnnData]:
    """Return the cells of each modality of a committed recipe."""
    modalities = read_recipe(RECIPES / f"{recipe}.toml").modalities
    return {name: open_data_files(name, modality.data, data)[0] for name, modality in modalities.items()}
