"""Import-linter contract: a folder is imported through its ``__init__.py`` alone."""

from collections.abc import Iterator

import grimp
from importlinter import Contract, ContractCheck, fields, output


class DoorContract(Contract):
    """Modules inside a folder are imported by modules of the same folder only; all others import the folder itself.

    Configuration options: ``packages``, the top-level packages whose folders are checked.
    """

    type_name = "door"

    packages = fields.ListField(subfield=fields.StringField())

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every import that passes by the door of a folder."""
        del verbose
        bypasses = sorted(self._bypasses(graph))
        return ContractCheck(kept=not bypasses, metadata={"bypasses": bypasses})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line an import."""
        for importer, imported in check.metadata["bypasses"]:
            folder = ".".join(imported.split(".")[:2])
            output.print_error(f"{importer} imports {imported}; import from {folder} instead")

    def _bypasses(self, graph: grimp.ImportGraph) -> Iterator[tuple[str, str]]:
        for importer in graph.modules:
            for imported in graph.find_modules_directly_imported_by(importer):
                package, *folders = imported.split(".")
                inside = package in self.packages and len(folders) > 1
                if inside and not f"{importer}.".startswith(f"{package}.{folders[0]}."):
                    yield importer, imported
