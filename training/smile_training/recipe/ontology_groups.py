"""Groups of labels by the Cell Ontology: a level of the terms that a recipe lists, above the terms of its labels."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from smile_runtime.errors import RecipeError
from smile_training.recipe.cell_ontology import CL_RELEASE, steps_above, term_names


def group_by_terms(fields: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the fields of a recipe with lists of labels in place of the terms in ``data.groups``.

    A label with a term in ``[ontology]`` belongs to the listed term that is nearest above it, or is it. The groups get
    their terms in ``[ontology]``, too.

    Parameters
    ----------
    fields
        Fields of a recipe, which need not be valid; what is not is left to the validation.
    origin
        Name of the recipe for error messages.

    Raises
    ------
    RecipeError
        If a term is not a current one, is above no label, is stated otherwise in ``[ontology]``, or if two listed terms
        are equally near to a label.
    """
    stated = fields.get("ontology", {})
    if not isinstance(stated, dict) or not any(True for _ in _columns_by_terms(fields)):
        return fields
    result = copy.deepcopy(fields)
    for column, groups in _columns_by_terms(result):
        terms = {group: term for group, term in groups.items() if isinstance(term, str)}
        _require_terms(terms, stated, f"the recipe {origin}, data.groups.{column},")
        groups |= _labels_below(terms, stated, f"the recipe {origin}, data.groups.{column},")
        result["ontology"] = {**result.get("ontology", {}), **terms}
    return result


def _columns_by_terms(fields: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and groups of each column of any modality that states a term for a group."""
    modalities = fields.get("modalities")
    for modality in modalities.values() if isinstance(modalities, dict) else ():
        data = modality.get("data") if isinstance(modality, dict) else None
        columns = data.get("groups") if isinstance(data, dict) else None
        for column, groups in columns.items() if isinstance(columns, dict) else ():
            if isinstance(groups, dict) and any(isinstance(term, str) for term in groups.values()):
                yield column, groups


def _require_terms(terms: Mapping[str, str], stated: Mapping[str, Any], place: str) -> None:
    for group, term in terms.items():
        if term not in term_names():
            raise RecipeError(
                f"{place} gives the group {group!r} the term {term!r}, which is not a current term of the Cell "
                f"Ontology (release {CL_RELEASE}); list labels, or look the term up at https://www.ebi.ac.uk/ols4/ontologies/cl"
            )
        if stated.get(group, term) != term:
            raise RecipeError(
                f"{place} gives {group!r} the term {term}, and [ontology] {stated[group]}; leave it out of one"
            )


def _labels_below(terms: Mapping[str, str], stated: Mapping[str, Any], place: str) -> dict[str, list[str]]:
    """Return the labels of each group."""
    found: dict[str, list[str]] = {group: [] for group in terms}
    for label, own in stated.items():
        steps = steps_above(own) if own in term_names() else {}
        near = sorted((steps[term], group) for group, term in terms.items() if term in steps)
        if len(near) > 1 and near[0][0] == near[1][0]:
            raise RecipeError(
                f"{place} lists {near[0][1]!r} and {near[1][1]!r}, which are equally near above the term of {label!r}; "
                "list the labels of one of them"
            )
        if near:
            found[near[0][1]].append(label)
    if empty := [group for group, labels in found.items() if not labels]:
        raise RecipeError(
            f"{place} lists {empty[0]!r}, but no label of [ontology] has a term below {terms[empty[0]]}; state the "
            "terms of its labels there, or list its labels"
        )
    return found
