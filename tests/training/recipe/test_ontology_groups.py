"""Levels by the Cell Ontology: the listed terms above those of the labels."""

from pathlib import Path

import msgspec
import pytest

from smile_runtime import RecipeError
from smile_training.recipe import read_recipe, resolve_recipe
from smile_training.recipe.cell_ontology import steps_above
from smile_training.recipe.ontology_groups import group_by_terms

PBMC = Path(__file__).parents[3] / "training/recipes/pbmc.toml"
TERMS = {"CD4 T": "CL:0000624", "CD8 T": "CL:0000625", "CD14 Mono": "CL:0001054", "Megakaryocyte": "CL:0000556"}


def fields(groups: dict[str, object], ontology: dict[str, str] = TERMS) -> dict[str, object]:
    return {"ontology": ontology, "modalities": {"rna": {"data": {"groups": {"broad": groups}}}}}


def grouped(groups: dict[str, object], ontology: dict[str, str] = TERMS) -> tuple[object, object]:
    found = group_by_terms(fields(groups, ontology), "r.toml")
    return found["modalities"]["rna"]["data"]["groups"]["broad"], found["ontology"]


def test_steps_are_counted_along_the_shortest_way() -> None:
    steps = steps_above("CL:0000624")  # CD4-positive, alpha-beta T cell
    assert [steps[term] for term in ("CL:0000624", "CL:0000791", "CL:0000084")] == [0, 1, 3]
    assert "CL:0000236" not in steps  # B cell


def test_labels_belong_to_the_nearest_listed_term_above_theirs() -> None:
    groups, ontology = grouped({"T": "CL:0000084", "Leukocyte": "CL:0000738", "Other": ["Megakaryocyte"]})
    assert groups == {"T": ["CD4 T", "CD8 T"], "Leukocyte": ["CD14 Mono"], "Other": ["Megakaryocyte"]}
    assert ontology == {**TERMS, "T": "CL:0000084", "Leukocyte": "CL:0000738"}


def test_a_recipe_without_terms_is_left_as_it_is() -> None:
    plain = fields({"T": ["CD4 T"]})
    assert group_by_terms(plain, "r.toml") is plain
    assert group_by_terms({"modalities": 3, "ontology": {}}, "r.toml") == {"modalities": 3, "ontology": {}}


def test_the_broad_types_of_blood_follow_from_terms() -> None:
    recipe = read_recipe(PBMC)
    stated = msgspec.to_builtins(recipe)
    by_list = stated["modalities"]["rna"]["data"]["groups"]["cell_type_broad"]
    terms = {name: stated["ontology"][name] for name in by_list}
    stated["modalities"]["rna"]["data"]["groups"]["cell_type_broad"] = terms
    found = resolve_recipe(stated, "pbmc.toml").modalities["rna"].data.groups["cell_type_broad"]
    primary = {"B", "CD4 T", "CD8 T", "NK", "CD14 Mono", "CD16 Mono", "DC", "pDC", "HSPC", "Megakaryocyte"}
    assert {name: sorted(primary & {*labels}) for name, labels in found.items()} == by_list


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"T": "CL:0000493"}, "gives the group 'T' the term 'CL:0000493', which is not a current term"),
        ({"T": "T cells"}, "gives the group 'T' the term 'T cells', which is not a current term"),
        ({"CD4 T": "CL:0000084"}, "gives 'CD4 T' the term CL:0000084, and \\[ontology\\] CL:0000624"),
        (
            {"T": "CL:0000084", "B": "CL:0000236"},
            "lists 'B', but no label of \\[ontology\\] has a term below CL:0000236",
        ),
        ({"T": "CL:0000084", "Also T": "CL:0000084"}, "lists 'Also T' and 'T', which are equally near .* of 'CD4 T'"),
    ],
)
def test_groups_that_terms_do_not_give_are_rejected(groups: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=f"the recipe r.toml, data.groups.broad, {message}"):
        group_by_terms(fields(groups), "r.toml")
