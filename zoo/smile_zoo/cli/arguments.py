"""Order of the arguments: cells first, then the space."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from smile_runtime.manifest import MANIFEST_NAME
from smile_zoo.catalogue import list_spaces


def require_query_first(queries: Sequence[Path], space: str) -> None:
    """Raise a usage error if a space was given before its queries, or a query in place of a space.

    Parameters
    ----------
    queries
        Arguments before the last one; may be empty if the command needs no query.
    space
        Last argument.
    """
    command, is_file = click.get_current_context().command_path, Path(space).is_file()
    spaces = [] if _is_space(Path(space)) else [query for query in queries if _is_space(query)]
    if is_file and len(queries) == 1 and not queries[0].exists():
        spaces = list(queries)
    if spaces:
        ordered = [*(query for query in queries if query != spaces[0]), space, spaces[0]]
        raise click.UsageError(
            "the arguments are swapped, QUERY comes first and SPACE last; "
            f"type: {command} {shlex.join(map(str, ordered))}"
        )
    if is_file:
        given = shlex.join(map(str, [*queries, space]))
        raise click.UsageError(f"{space} is a file, but SPACE comes last; type: {command} {given} SPACE")


def _is_space(query: Path) -> bool:
    if query.exists():
        return (query / MANIFEST_NAME).is_file()
    return str(query) in {entry.name for entry in list_spaces()}
