"""What the files say of where the cells came from: name, title, organism, tissue."""

import re
from collections.abc import Sequence
from pathlib import Path

from smile_runtime.errors import RecipeError
from smile_runtime.features import recognize_organism
from smile_training.data import Survey
from smile_training.recipe import NOT_STATED

_MAX_NAME_LENGTH = 100


def space_name(text: str) -> str:
    """Return a text as the name of a space, without characters that a folder name may not have."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:_MAX_NAME_LENGTH] or "space"


def find_title(surveys: Sequence[Survey], name: str) -> str:
    """Return the title that the only file states, or the name of the space."""
    return (surveys[0].notes.get("title") if len(surveys) == 1 else None) or name


def find_tissue(surveys: Sequence[Survey]) -> str:
    """Return the tissue that all files state."""
    tissues = {tissue for survey in surveys for tissue in _stated(survey, "tissue")}
    return tissues.pop() if len(tissues) == 1 else NOT_STATED


def find_organism(surveys: Sequence[Survey]) -> str:
    """Return the species that the files state, or whose genes they have.

    Raises
    ------
    RecipeError
        If there are several.
    """
    found = {organism: survey.path for survey in surveys for organism in _organisms(survey)}
    if len(found) > 1:
        (first, path), (second, other) = list(found.items())[:2]
        where = path.name if path == other else f"{path.name} and {other.name}"
        raise RecipeError(
            f"{where} hold cells of {first} and {second}, whose genes are not the same features; train a space of each "
            "species from its own file"
        )
    return next(iter(found), NOT_STATED)


def _organisms(survey: Survey) -> list[str]:
    if stated := _stated(survey, "organism"):
        return stated
    recognized = recognize_organism(survey.var) if survey.kind == "rna" else None
    return [] if recognized is None else [recognized]


def _stated(survey: Survey, key: str) -> list[str]:
    """Return the texts in a column of the cells, or the note of the file."""
    if key in survey.obs:
        return sorted(" ".join(str(value).split()) for value in survey.obs[key].dropna().unique())
    return [survey.notes[key]] if key in survey.notes else []


def common_folder(paths: Sequence[Path]) -> Path:
    """Return the innermost folder that holds all files."""
    first, *others = (path.absolute().parent for path in paths)
    return next(folder for folder in (first, *first.parents) if all(other.is_relative_to(folder) for other in others))
