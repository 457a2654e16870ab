"""Write figures.md beside this file: what each committed recipe gave, from training/recipes/NAME.json."""

import json
from pathlib import Path

import msgspec

from smile_runtime.cards.tables import metric_table
from smile_runtime.manifest import MetricRecord
from smile_training.recipe.read import read_recipe
from smile_training.recipe.records import Recipe

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "training/recipes"

_HEAD = """\
# What the recipes give

Figures of every committed recipe, measured on cells left out of training: 3-fold cross-validation, repeated with 3
seeds, mean ± standard deviation over the seeds. Label transfer and FOSCTTM (fraction of samples closer than the true
match; 0.5 is chance) are of left-out cells, silhouettes and ARI (k-means with as many clusters as labels) of the cells
trained on. The peers saw the same cells: 30 principal components of z-scores, Harmony on them (run until it settles,
left-out cells included), canonical correlation analysis of them, logistic regression on all z-scores; labels by 15
nearest neighbors. `atac from rna` are labels that cells got by their ATAC from cells known by their RNA; under `atac`
alone stand those from the space's own choice of whose labels to take. Settings and that choice were made by such
cross-validations. Where a recipe pairs by label, its silhouettes and ARI have seen the labels, the peers' have not.

Made by, for each recipe, and then for this page (`mouse-cortex-paired-tag-simulated` with `--onto` the space without
the simulated marks: its teacher is that one, and had seen the left-out RNA):

```bash
smile-zoo train training/recipes/NAME.toml --data FOLDER -o NAME --json > training/recipes/NAME.json
python docs/figures.py
```
"""


def committed() -> list[tuple[Recipe, list[MetricRecord]]]:
    """Return every committed recipe, and the figures that it gave."""
    return [
        (
            read_recipe(path.with_suffix(".toml")),
            msgspec.convert(json.loads(path.read_text("utf-8"))["metrics"], list[MetricRecord]),
        )
        for path in sorted(RECIPES.glob("*.json"))
    ]


def about(recipe: Recipe) -> str:
    """Return what a recipe is, as Markdown."""
    text = f"{recipe.description}\n\nVariant `{recipe.variant}`; modalities {', '.join(recipe.modalities)}."
    return text + (f" **Simulated: {', '.join(recipe.simulated)}.**" if recipe.simulated else "")


def page() -> str:
    """Return the page as Markdown."""
    sections = [f"\n## {recipe.name}\n\n{about(recipe)}\n\n{metric_table(metrics)}" for recipe, metrics in committed()]
    return "".join([_HEAD, *sections])


if __name__ == "__main__":
    (ROOT / "docs/figures.md").write_text(page(), "utf-8")
