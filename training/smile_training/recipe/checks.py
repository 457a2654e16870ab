"""Checks of a recipe across fields, which the types of single fields cannot express."""

from smile_runtime.errors import RecipeError
from smile_runtime.features import latin_name, organisms_with_aliases
from smile_training.recipe.cell_ontology import CL_RELEASE, term_names
from smile_training.recipe.records import Data, Recipe


def require_valid(recipe: Recipe, origin: str) -> None:
    """Raise RecipeError if the modalities, names or label columns of a recipe contradict one another."""
    _require_modalities(recipe, origin)
    _require_simulated_names(recipe, origin)
    _require_label_columns(recipe, origin)
    _require_sources(recipe, origin)
    _require_gene_names(recipe, origin)
    _require_redrawable(recipe, origin)
    _require_students(recipe, origin)
    _require_one_partner(recipe, origin)
    _require_terms(recipe, origin)


def _require_modalities(recipe: Recipe, origin: str) -> None:
    n = len(recipe.modalities)
    minimum, maximum = {"smile": (1, 1), "composition": (2, None)}.get(recipe.variant, (2, 2))
    if n < minimum or (maximum is not None and n > maximum):
        needed = f"{minimum}" if minimum == maximum else f"at least {minimum}"
        raise RecipeError(
            f"the recipe {origin} has {n} modalities ({', '.join(recipe.modalities) or 'none'}), {recipe.variant} "
            f"needs {needed}; give each a table [modalities.NAME], or choose another variant"
        )


def _require_simulated_names(recipe: Recipe, origin: str) -> None:
    for name in recipe.simulated:
        if "simulated" not in name or "simulated" not in recipe.name:
            raise RecipeError(
                f"the recipe {origin} simulates {name!r}; include the word simulated in the names of that modality and "
                "of the recipe, so that nobody mistakes the values for measurements"
            )


def _require_label_columns(recipe: Recipe, origin: str) -> None:
    levels, finer, others = recipe.further_label_columns
    for name, modality in recipe.modalities.items():
        data = modality.data
        for field, own, common in (("levels", data.levels, levels), ("finer_levels", data.finer_levels, finer)):
            if own and own != common:
                raise RecipeError(
                    f"the recipe {origin} has the {field} {', '.join(own)} for {name} and {', '.join(common)} for "
                    "another modality; give both the same levels, or leave them out of one"
                )
        if data.label_key is None and (data.levels or data.finer_levels or data.more_labels):
            raise RecipeError(
                f"the recipe {origin} has levels or more_labels for {name} and no data.label_key, which is the finest "
                "level; add it"
            )
        keys = [data.label_key, *levels, *finer, *others]
        if repeated := [key for key in keys if key is not None and keys.count(key) > 1]:
            raise RecipeError(
                f"the recipe {origin} names the label column {repeated[0]!r} of {name} twice; name it once"
            )
        _require_groups(name, data, origin)


def _require_groups(name: str, data: Data, origin: str) -> None:
    for column, groups in (data.groups or {}).items():
        if column in (data.finer_levels or []):
            raise RecipeError(
                f"the recipe {origin} groups the labels of {name} as {column!r}, which is finer than they are; move it "
                "from data.finer_levels to data.levels"
            )
        if column not in (*data.levels, *data.more_labels):
            raise RecipeError(
                f"the recipe {origin} groups the labels of {name} as {column!r}, which is no label column; add it to "
                "data.levels or data.more_labels"
            )
        group_of: dict[str, str] = {}
        for group, labels in groups.items():
            for label in labels:
                if label in group_of:
                    raise RecipeError(
                        f"the recipe {origin} puts the label {label!r} of {name} into {group_of[label]!r} and "
                        f"{group!r} of {column!r}; a label belongs to one group"
                    )
                group_of[label] = group


def _require_sources(recipe: Recipe, origin: str) -> None:
    for name, modality in recipe.modalities.items():
        n_sources, n_files = len(modality.data.sources), len(modality.data.paths)
        if n_sources != n_files:
            raise RecipeError(
                f"the recipe {origin} has {n_sources} data.source for the {n_files} files of {name}; give one for each "
                f"file, in their order, or a single table [modalities.{name}.data.source] for all"
            )


def _require_gene_names(recipe: Recipe, origin: str) -> None:
    for name, modality in recipe.modalities.items():
        if not modality.data.gene_symbols:
            continue
        if modality.kind != "rna":
            raise RecipeError(
                f"the recipe {origin} sets data.gene_symbols for {name}, which is of the kind {modality.kind}; only "
                "features of the kind rna are genes"
            )
        if latin_name(recipe.organism) not in organisms_with_aliases():
            raise RecipeError(
                f"the recipe {origin} sets data.gene_symbols for {name}, but gene names of the organism "
                f"{recipe.organism!r} are not known; set organism to {' or '.join(organisms_with_aliases())}, or leave "
                "gene_symbols out"
            )


def _require_redrawable(recipe: Recipe, origin: str) -> None:
    for name, modality in recipe.modalities.items():
        noise, values = modality.noise, modality.preprocessing.values
        if noise.redraws_counts and values in ("levels", "numbers"):
            field = "min_depth" if noise.min_depth < 1 else "ambient"
            raise RecipeError(
                f"the recipe {origin} has noise.{field} = {getattr(noise, field):g} for {name}, whose values are "
                f"{values} and not counts; set noise.{field} = {'1' if field == 'min_depth' else '0'}"
            )
        if noise.redraws and modality.stem is None:
            raise RecipeError(
                f"the recipe {origin} sets noise.min_depth, noise.min_features or noise.ambient for {name}, which "
                f"need a stem; add [modalities.{name}.stem], or use noise.masking"
            )


def _require_students(recipe: Recipe, origin: str) -> None:
    if recipe.onto and recipe.variant != "composition":
        raise RecipeError(
            f"the recipe {origin} is trained onto the space {recipe.onto}, which needs variant = 'composition', not "
            f"{recipe.variant!r}; change it, or leave onto out"
        )


def _require_one_partner(recipe: Recipe, origin: str) -> None:
    for name, modality in recipe.modalities.items():
        if modality.stem is None or modality.stem.canonical is not True:
            continue
        if recipe.variant in ("smile", "reference"):
            raise RecipeError(
                f"the recipe {origin} sets stem.canonical for {name}, which needs cells measured in two modalities, "
                f"and {recipe.variant} has none; leave it out, or choose psmile, mpsmile or composition"
            )
        if name == next(iter(recipe.modalities)) and len(recipe.modalities) > 2:
            raise RecipeError(
                f"the recipe {origin} sets stem.canonical for {name}, which is paired with several modalities; leave "
                "it out there, and set it for the others"
            )


def _require_terms(recipe: Recipe, origin: str) -> None:
    for label, term in (recipe.ontology or {}).items():
        if term not in term_names():
            raise RecipeError(
                f"the recipe {origin} gives the label {label!r} the term {term}, which is not a current term of the "
                f"Cell Ontology (release {CL_RELEASE}); look it up at https://www.ebi.ac.uk/ols4/ontologies/cl"
            )
