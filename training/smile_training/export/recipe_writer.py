"""Writing of a resolved recipe as a TOML file, from which the same space can be trained again."""

from pathlib import Path
from typing import Any

import tomli_w

RECIPE_NAME = "recipe.toml"
_HEAD = """\
# The recipe of this space, every setting resolved. To train it again:
# smile-zoo train recipe.toml --data FOLDER

"""


def write_recipe(path: Path, document: dict[str, Any]) -> None:
    """Write the fields of a resolved recipe as TOML, in which a field without a value is left out.

    Parameters
    ----------
    path
        File to write.
    document
        Fields of the recipe, as in a manifest.
    """
    path.write_text(_HEAD + tomli_w.dumps(_without_none(document)), "utf-8", newline="\n")


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }
