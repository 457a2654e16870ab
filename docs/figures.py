"""Write ``figures.md`` beside this file from the metrics of each committed recipe (``training/recipes/NAME.json``)."""

import json
from pathlib import Path

import msgspec

from smile_runtime.cards.comparison import behind_baselines
from smile_runtime.cards.imputed_features import imputation_tables
from smile_runtime.cards.tables import metric_table
from smile_runtime.manifest import ImputationRecord, MetricRecord
from smile_training.recipe.read import read_recipe
from smile_training.recipe.records import Recipe

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "training/recipes"

_HEAD = """\
# Figures of the recipes

This page gives the metrics of every committed recipe, measured on cells left out of training: 3-fold cross-validation,
repeated with 3 seeds, as mean ± standard deviation over the seeds. Label transfer and FOSCTTM (fraction of samples
closer than the true match; 0.5 is chance) are measured on the left-out cells; silhouettes and ARI (k-means with as many
clusters as labels) on the training cells.

The baselines were given the same cells, and their settings were chosen by cross-validation within the training cells:
principal components of values divided by the square root of the standard deviation (z-scores for surface proteins),
or, for peaks and bins, latent semantic indexing (LSI: TF-IDF, singular value decomposition without the first
component, rows of length 1), 20, 30 or 50 of them; Harmony on those components (run until it converges, with the
left-out cells included); canonical correlation analysis of 5 to 50 components of each side; and logistic regression
on all values, with a penalty C of 0.01 to 1000, run until it converges. The first four transfer labels by 15 nearest
neighbors. Their scaling was chosen on left-out cells of the same data, which works in their favor. Where a baseline is
ahead, the 95% interval of the difference is given if it was measured: from 500 bootstrap samples of the left-out cells,
with the labels of both methods for the same cells.

iLISI (of batches: 1 mixed, 0 apart) and cLISI (of labels: 1 apart, 0 mixed) are the scaled local inverse Simpson
index of up to 5,000 training cells. Prefer iLISI to the silhouette by batch, which can be near 0 even when batches
lie apart.

Metrics `of left-out batches` come from another cross-validation, which leaves out whole batches (donors, technologies,
studies; up to 5 folds), so that its cells are more like those of other laboratories.

[benchmarks](../benchmarks/README.md#unknown-cells) measures cells of other laboratories and tissues, left-out types and
studies, degraded cells and doublets, over 3 seeds with ranges.

`atac from rna` means that left-out cells, measured by ATAC, get their labels from cells measured by RNA; rows with
`atac` alone use the modalities that the space itself chose to take labels from. That choice and the settings were made
in such cross-validations. If a recipe pairs cells by label, its silhouettes and ARI benefit from the labels, which the
baselines did not see.

`rna+atac` means left-out cells that were measured by both and labeled from both ([joint labels](multimodal.md)), with
weights fitted
to other left-out cells; `rna alone` and `atac alone` are the labels that each gives the same cells.

The correlation of imputed values is that of expected and measured values over left-out cells that were measured in both
modalities, the mean over all features, each averaged over repeats ([imputation](imputation.md)); `adt from rna` are
surface proteins expected for RNA. Its baseline is the mean of the 15 nearest training cells by the same components.

The following commands produce the figures: the first once for each recipe, the second for this page. For
`mouse-cortex-paired-tag-simulated`, add `--onto` with the space without the simulated marks: that space is its teacher,
which has seen the RNA of the left-out cells.

```bash
smile-zoo train training/recipes/NAME.toml --data FOLDER -o NAME --json > training/recipes/NAME.json
python docs/figures.py
```
"""


def committed() -> list[tuple[Recipe, list[MetricRecord]]]:
    """Return every committed recipe with its metrics."""
    return [
        (
            read_recipe(path.with_suffix(".toml")),
            msgspec.convert(json.loads(path.read_text("utf-8"))["metrics"], list[MetricRecord]),
        )
        for path in sorted(RECIPES.glob("*.json"))
    ]


def about(recipe: Recipe, metrics: list[MetricRecord]) -> str:
    """Return the description of a recipe, where a baseline outperforms it, its variant and modalities as Markdown."""
    behind = behind_baselines(metrics)
    first = f"{recipe.description} **{behind}**" if behind else recipe.description
    text = f"{first}\n\nVariant `{recipe.variant}`; modalities {', '.join(recipe.modalities)}."
    return text + (f" **Simulated: {', '.join(recipe.simulated)}.**" if recipe.simulated else "")


def imputed(name: str) -> str:
    """Return the correlations of the features that a committed recipe imputes; empty if there are none."""
    figures = json.loads((RECIPES / f"{name}.json").read_text("utf-8"))
    records = msgspec.convert(figures.get("imputations", []), list[ImputationRecord])
    return f"\nImputed values, {imputation_tables(records)}" if records else ""


def page() -> str:
    """Return the page as Markdown."""
    sections = [
        f"\n## {recipe.name}\n\n{about(recipe, metrics)}\n\n{metric_table(metrics)}{imputed(recipe.name)}"
        for recipe, metrics in committed()
    ]
    return "".join([_HEAD, *sections])


if __name__ == "__main__":
    (ROOT / "docs/figures.md").write_text(page(), "utf-8")
