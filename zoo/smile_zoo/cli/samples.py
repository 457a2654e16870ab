"""Several queries in one run: their output paths, and what became of each."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smile_runtime import OutputError, ProjectionSummary, SmileError
from smile_runtime.explanation import SampleExplanation
from smile_runtime.io import H5MU, ZARR, ZARR_STORE, recognize_format, require_apart, require_free, write_error
from smile_runtime.results import unfinished_path
from smile_zoo.cli.console import print_line

_SUFFIX = re.compile(
    r"([._-]matrix(?=\.mtx))?(\.(h5ad|h5mu|zarr|h5|hdf5|loom|csv|tsv|txt|mtx))?(\.gz)?$", re.IGNORECASE
)
_TOOL_NAME = re.compile(r"(sample_)?(filtered|raw)_(feature|gene|peak)_bc_matri(x|ces)|matrix|outs|count")


@dataclass(frozen=True)
class Sample:
    """One of several queries: its name, file and output."""

    name: str
    query: Path
    output: Path


@dataclass(frozen=True, eq=False)
class Projected:
    """A projection and, if a report is to show it, what carries the labels of its sampled cells."""

    summary: ProjectionSummary
    explanation: SampleExplanation | None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a sample: a projection, an error, or neither if an earlier run had finished it."""

    sample: Sample
    projected: Projected | None = None
    error: str = ""

    @property
    def status(self) -> str:
        """``projected``, ``failed`` or ``skipped``."""
        return "projected" if self.projected else "failed" if self.error else "skipped"

    @property
    def note(self) -> str:
        """Reason why there is no projection."""
        return self.error or "finished by an earlier run, and skipped"


def name_samples(queries: Sequence[Path], folder: Path, *, only_embedding: bool) -> list[Sample]:
    """Name each query's output after the query, in a folder.

    Raises
    ------
    OutputError
        If two queries would have the same name.
    """
    samples = []
    for query, name in zip(queries, sample_names(queries), strict=True):
        suffix = ".h5ad" if only_embedding else {ZARR: ".zarr", H5MU: ".h5mu"}.get(recognize_format(query), ".h5ad")
        samples.append(Sample(name, query, folder / f"{name}{suffix}"))
    for sample in samples:
        same = [str(other.query) for other in samples if other.name.casefold() == sample.name.casefold()]
        if len(same) > 1:
            raise OutputError(
                f"{' and '.join(same)} would both be named {sample.name} in {folder}; rename one of them, or project "
                "them into different folders"
            )
    return samples


def sample_names(queries: Sequence[Path]) -> list[str]:
    """Return the names of queries without suffixes; where tools named several alike, those of the folders around them.

    Examples
    --------
    >>> sample_names([Path("a.h5ad"), Path("GSM1_matrix.mtx.gz")])
    ['a', 'GSM1']
    >>> sample_names([Path(f"{sample}/outs/filtered_feature_bc_matrix.h5") for sample in "ab"])
    ['a', 'b']
    """
    own = [_SUFFIX.sub("", query.absolute().name) for query in queries]
    shared = {name for name, n in Counter(own).items() if n > 1}
    return [_folder_name(query) if name in shared else name for query, name in zip(queries, own, strict=True)]


def _folder_name(query: Path) -> str:
    """Return the first name, from a query's outwards, that is no name that a tool gives."""
    path = query.absolute()
    names = [_SUFFIX.sub("", path.name), *(parent.name for parent in path.parents)]
    return next((name for name in names if name and not _TOOL_NAME.fullmatch(name)), names[0])


def require_outputs(samples: Sequence[Sample], folder: Path, *, skipped: Sequence[Sample], force: bool) -> None:
    """Create the output folder, and validate every output before any work is done.

    Raises
    ------
    OutputError
        If the folder cannot be created, or an output exists or cannot be written.
    """
    create_folder(folder, "choose another folder for the outputs")
    for sample in samples:
        require_apart(sample.output, *(other.query for other in samples))
        require_apart(unfinished_path(sample.output), *(other.query for other in samples))
        if sample not in skipped:
            require_free(
                sample.output, force=force, replaceable=ZARR_STORE if sample.output.suffix == ".zarr" else None
            )


def create_folder(folder: Path, advice: str) -> None:
    """Create a folder and those around it, or raise an OutputError with the advice."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error, advice) from error


def project_samples(
    samples: Sequence[Sample],
    project: Callable[[Sample], Projected],
    *,
    skipped: Sequence[Sample],
    explain: Callable[[SmileError], str],
) -> list[Outcome]:
    """Project samples one after another; one that fails does not stop the others."""
    outcomes = []
    for number, sample in enumerate(samples, start=1):
        print_line(f"[{number}/{len(samples)}] {sample.query}", err=True)
        if sample in skipped:
            outcomes.append(Outcome(sample))
            print_line(f"{sample.output} is finished, skipped", err=True)
            continue
        try:
            outcomes.append(Outcome(sample, project(sample)))
            print_line(f"wrote {sample.output}", err=True)
        except SmileError as error:
            outcomes.append(Outcome(sample, error=explain(error)))
            print_line(f"Error: {outcomes[-1].error}", err=True)
    return outcomes
