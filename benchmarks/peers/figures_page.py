"""The page on the paper's figures, docs/comparison/figures.md, from the figures that their scripts kept."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smile_runtime.cards.tables import markdown_table

KEPT = Path(__file__).with_name("figures.json")
RECIPES = Path(__file__).parents[2] / "training/recipes"
SIMULATED = "not tested: simulated"
ABOUT = """\
SMILE is published in [Xu, Das & McCord 2022](https://doi.org/10.1093/bioinformatics/btab706). Each picture below is one
of the paper's, drawn again from data at hand, with what the paper says of it in our words. Maps are UMAPs of
embeddings unless they say otherwise. A silhouette is 1 where groups lie apart and 0 where they mix. FOSCTTM is the
share of other cells that are nearer than the partner: 0 is perfect, 0.5 is chance. Accuracy is that of types voted by
the 15 nearest cells of the other modality. One seed; unless a line says left-out, cells are those that a recipe
trains on.

```bash
for script in batch_correction pairs hi_c histone_marks feature_screening; do
    python benchmarks/peers/figures/$script.py ../shared/data SPACES docs/comparison
done
python benchmarks/peers/page.py
```"""

Rows = list[dict[str, Any]]
Claim = tuple[str, str]
"""What was found, and whether the paper's statement holds by it."""


@dataclass(frozen=True)
class Figure:
    """A figure of the paper.

    Attributes
    ----------
    title
        What it shows.
    statement
        What the paper says of it.
    criterion
        Heading of the verdicts: when a line counts as holding.
    pictures
        Names of the pictures, without ``paper-`` and ``.png``.
    claims
        What was found, from the rows that the script kept.
    remark
        What is seen in the pictures, or is to be known.
    """

    title: str
    statement: str
    criterion: str
    pictures: tuple[str, ...]
    claims: Callable[[Rows], Iterator[Claim]]
    remark: str


def batch_claims(rows: Rows) -> Iterator[Claim]:
    """Yield silhouettes of each set and preset beside those of principal components."""
    pca = {row["set"]: row for row in rows if row["embedding"] == "PCA"}
    for row in rows:
        before = pca[row["set"]]
        if row is before:
            continue
        found = (
            f"{row['set']} ({row['n_cells']:,} cells), {row['embedding']}: silhouette of types {row['type']:.2f} (PCA "
            f"{before['type']:.2f}), of batches {row['batch']:.2f} (PCA {before['batch']:.2f})"
        )
        yield found, holds(row["type"] > before["type"] and row["batch"] < before["batch"])


def pair_claims(rows: Rows) -> Iterator[Claim]:
    """Yield what both measurements of cells have in common, and the same of left-out cells beside CCA."""
    for row in rows:
        found = (
            f"{row['set']} ({row['n_cells']:,} cells): silhouette of types {row['type']:.2f}, of modalities "
            f"{row['modality']:.2f}; FOSCTTM {row['foscttm']:.3f}, accuracy of ATAC by RNA {row['accuracy']:.3f}"
        )
        yield found, holds(row["type"] > row["modality"])
        yield f"{row['set']}, left-out cells: {beside_cca(row['recipe'], 'FOSCTTM', 'atac and rna')}", ""


def hi_c_claims(rows: Rows) -> Iterator[Claim]:
    """Yield where Hi-C cells are placed on the map of simulated methylation."""
    for row in rows:
        found = (
            f"{row['accuracy']:.0%} of {row['n_cells']:,} cells are placed among methylation of their type (the most "
            f"common type has {row['most_common_type']:.0%}), {row['distance_on_map']:.2f} as far from their own as "
            "from that of a random cell"
        )
        yield found, SIMULATED
    recipe, modality = "prefrontal-cortex-hic-methylation-simulated", "methylation_simulated and hic"
    yield f"left-out cells: {beside_cca(recipe, 'FOSCTTM', modality)}", SIMULATED


def mark_claims(rows: Rows) -> Iterator[Claim]:
    """Yield how all modalities lie in one space, and the labels of each mark."""
    recipe = "mouse-cortex-paired-tag-simulated"
    for row in rows:
        if row["with_rna"] == "all":
            found = f"silhouette of types {row['type']:.2f}, of modalities {row['modality']:.2f}"
            yield f"all seven, of which five are simulated: {found}", SIMULATED
            continue
        simulated = "simulated" in row["with_rna"]
        found = (
            f"RNA and {row['with_rna']}: silhouette of types {row['type']:.2f}, of modalities {row['modality']:.2f}; "
            f"accuracy by RNA {row['accuracy']:.3f}"
        )
        if simulated:
            yield found, SIMULATED
        else:
            left_out = beside_cca(recipe, "label transfer accuracy", "h3k27ac from rna")
            yield f"{found}; left-out cells: {left_out}", holds(row["type"] > row["modality"])


def screening_claims(rows: Rows) -> Iterator[Claim]:
    """Yield what removing features does to the distance of both measurements, in each modality."""
    for modality in dict.fromkeys(row["modality"] for row in rows):
        groups = {row["group"]: row for row in rows if row["modality"] == modality}
        key = groups["key"]
        changes = {name: groups[name]["change"] for name in ("key", "differential", "random")}
        found = (
            f"{modality.upper()}, {key['n_features']:,} features removed: distance {key['distance']:.3f} grows by "
            + ", ".join(f"{change:.3f} ({name})" for name, change in changes.items())
        )
        yield found, holds(changes["key"] > max(changes["differential"], changes["random"]))


def holds(is_so: bool) -> str:
    """Return how the page says whether a statement holds."""
    return "holds" if is_so else "**does not hold**"


def beside_cca(recipe: str, name: str, modality: str) -> str:
    """Return a metric of a committed recipe on left-out cells beside that of canonical correlation analysis."""
    metrics = json.loads((RECIPES / f"{recipe}.json").read_text("utf-8"))["metrics"]
    means = {each["method"]: each["mean"] for each in metrics if (each["name"], each["modality"]) == (name, modality)}
    ahead = (means["smile"] < means["cca"]) == (name == "FOSCTTM")
    behind = "" if ahead else ", which is ahead"
    return f"{name.replace('label transfer ', '')} {means['smile']:.3f} (CCA {means['cca']:.3f}{behind})"


FIGURES = {
    "batch-correction": Figure(
        "Batch correction",
        "SMILE mixes the batches of a type and keeps types apart, in blood of three chemistries and in pancreas of "
        "several laboratories.",
        "holds if types lie farther apart and batches closer together than by principal components",
        ("blood", "pancreas"),
        batch_claims,
        "Labels were not used. The five epochs of the preset `published` are five steps on so few cells. In pancreas, "
        "alpha cells of the laboratories meet with the preset `stem`; beta cells stay apart by laboratory.",
    ),
    "pairs": Figure(
        "Pairs of RNA and ATAC",
        "Both measurements of a cell lie together, and cells lie by line in the mixture, by type in the mouse brain.",
        "holds if the silhouette of types exceeds that of modalities",
        ("cell-lines", "mouse-brain"),
        pair_claims,
        "The mixture is trained as mpSMILE, and with its lines; within a line, its map still tells modalities apart. "
        "The brain is a composition: an encoder of ATAC learns the space of the RNA, which was trained with types.",
    ),
    "hi-c": Figure(
        "Hi-C on the map of methylation",
        "In the space of both, cells measured by Hi-C come to lie on the t-SNE of methylation where their types are.",
        "does it hold?",
        ("hi-c",),
        hi_c_claims,
        "The map is a t-SNE of methylation levels. A Hi-C cell is drawn at the mean place of the 15 cells whose "
        "methylation is nearest to it in the space, its own left out. Methylation of these cells is not at hand, and "
        "simulated from their contacts: the picture shows the method, and nothing about cells.",
    ),
    "histone-marks": Figure(
        "RNA and histone marks in one space",
        "Marks that were each measured with RNA (Paired-Tag) come together in one space by that RNA, where types stay "
        "apart.",
        "holds if the silhouette of types in RNA and H3K27ac exceeds that of these two modalities",
        ("histone-marks",),
        mark_claims,
        "RNA is the teacher, and each mark has a student. Only H3K27ac is measured, of other nuclei for the most part; "
        "four marks and accessibility are simulated from the RNA.",
    ),
    "feature-screening": Figure(
        "Screening of key features",
        "Removing key genes or peaks moves the two measurements of a cell apart, farther than removing as many "
        "differential or random ones.",
        "holds if key features move them farther than differential and random ones",
        ("feature-screening",),
        screening_claims,
        "Mouse brain. Features are chosen on one half of the nuclei and measured on the other half "
        "([explain.md](../explain.md#two-modalities-what-brings-them-together)). The effect of peaks is small.",
    ),
}


def write_figures_page(kept: dict[str, Rows], page: Path) -> None:
    """Write the page of all figures that are kept."""
    paragraphs = ["# The paper's figures again", ABOUT]
    for name, figure in FIGURES.items():
        if name in kept:
            paragraphs += [f"## {figure.title}", f"**The paper says:** {figure.statement}"]
            paragraphs += [f"![{each}](paper-{each}.png)" for each in figure.pictures]
            table = [list(claim) for claim in figure.claims(kept[name])]
            paragraphs.append(markdown_table(["found here", figure.criterion], table))
            paragraphs.append(figure.remark)
    page.write_text("\n\n".join(each.rstrip("\n") for each in paragraphs) + "\n", "utf-8")


def overview(kept: dict[str, Rows], page: str) -> str:
    """Return the table of what holds, for the page of the comparison."""
    table = []
    for name, figure in FIGURES.items():
        if name in kept:
            verdicts = [verdict for _, verdict in figure.claims(kept[name]) if verdict]
            counts = {each: verdicts.count(each) for each in dict.fromkeys(verdicts)}
            table.append([figure.title, figure.statement, ", ".join(f"{each} ({n})" for each, n in counts.items())])
    about = f"Pictures, figures and criteria are in [{page}]({page})."
    return f"{about}\n\n" + markdown_table(["figure", "the paper says", "here, in how many cases"], table)
