"""Build the zoo again: train the committed recipes whose figures are out of date, and package their spaces.

    make zoo DATA=FOLDER        (hours; an interrupted run continues where it stopped)

A recipe is up to date if its figures, ``recipes/NAME.json``, carry its fingerprint, and so does the packaged space if
there is one. If only its texts changed (title, description, intended use, organism, tissue, license, sources), the
packaged space states the new ones without training. A space is packaged unless a baseline outperforms it on left-out
cells by more than chance (a paired test), it holds simulated values, a fact that publishing needs, such as the license
of its data, is not stated, it takes more than 3 MB, or it is unfit for users (`UNFIT`). Its golden labels are written
with it. At the end cards and tables of figures are written anew.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from smile_runtime.cards import unstated_facts
from smile_runtime.cards.comparison import is_behind, leading_baselines
from smile_runtime.manifest import CARD_NAME, Manifest, read_manifest
from smile_training.export import differs_in_texts_alone, rewrite_texts
from smile_training.recipe import Recipe, read_recipe, recipe_sha256

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "training/recipes"
SPACES = ROOT / "zoo/smile_zoo/spaces"
GOLDEN_LABELS = ROOT / "tests/golden/golden_labels.py"
UNFIT = {
    "lung-cell-lines": "takes 84 to 97% of blood cells for its own",
    "pancreas": "takes cells of blood and cell lines for its own: its two technologies differ as much as tissues do",
}
"""Spaces that outperform the baselines, and why they are not packaged nevertheless."""
MAX_PACKAGED_BYTES = 3_000_000
"""Most bytes of a packaged space, without its weights for training."""


def is_current(path: Path, work: Path) -> bool:
    """Return whether the figures of a recipe, and its packaged space if there is one, are those of the recipe."""
    recipe, figures = read_recipe(path), path.with_suffix(".json")
    if not figures.exists():
        return False
    document = json.loads(figures.read_bytes())
    if document["recipe_sha256"] != recipe_sha256(recipe) or document.get("onto_sha256") != onto_sha256(recipe, work):
        return False
    packaged = SPACES / recipe.name
    return not packaged.exists() or msgspec.convert(read_manifest(packaged).recipe, Recipe) == recipe


def space_of(name: str, work: Path) -> Path:
    """Return the directory of a space that another is trained onto: packaged, or in the making."""
    return SPACES / name if (SPACES / name).exists() else work / name


def onto_sha256(recipe: Recipe, work: Path) -> str | None:
    """Return the sha256 of the reference that a recipe's space keeps; None for a space of its own."""
    if not recipe.onto or not (space := space_of(recipe.onto, work)).exists():
        return None
    manifest = read_manifest(space)
    return manifest.files[manifest.reference.points].sha256


def describe(path: Path) -> bool:
    """Write the texts of a recipe into its packaged space if nothing else has changed; return whether it was so."""
    recipe, figures = read_recipe(path), path.with_suffix(".json")
    packaged = SPACES / recipe.name
    if not packaged.exists() or not figures.exists():
        return False
    built, document = msgspec.convert(read_manifest(packaged).recipe, Recipe), json.loads(figures.read_bytes())
    if document["recipe_sha256"] != recipe_sha256(built) or not differs_in_texts_alone(recipe, built):
        return False
    rewrite_texts(packaged, recipe)
    figures.write_text(json.dumps(document | {"recipe_sha256": recipe_sha256(recipe)}, indent=2) + "\n")
    return True


def build(path: Path, data: Path, work: Path) -> str:
    """Train and measure a recipe, keep its figures, package the space, and return what was done with it."""
    recipe, space = read_recipe(path), work / path.stem
    continued = "--resume" if space.with_name(f"{space.name}.checkpoint").exists() else "--force"
    command = ["train", str(path), "--data", str(data), "-o", str(space), continued, "--json"]
    if recipe.onto:
        command += ["--onto", str(space_of(recipe.onto, work))]
    program = "from smile_zoo.cli.main import main; main()"
    printed = subprocess.run([sys.executable, "-c", program, *command], stdout=subprocess.PIPE, check=True).stdout
    onto = {"onto_sha256": onto_sha256(recipe, work)} if recipe.onto else {}
    figures = json.loads(printed) | {"space": recipe.name} | onto
    path.with_suffix(".json").write_text(json.dumps(figures, indent=2) + "\n")
    if reason := reason_against(recipe, read_manifest(space)):
        shutil.rmtree(SPACES / recipe.name, ignore_errors=True)
        keep_labels(recipe.name, data)
        return f"not packaged: {reason}"
    package(space)
    keep_labels(recipe.name, data)
    return "packaged"


def reason_against(recipe: Recipe, manifest: Manifest) -> str:
    """Return why a space is not packaged; empty if it is."""
    if recipe.name in UNFIT:
        return UNFIT[recipe.name]
    if recipe.simulated:
        return f"{', '.join(recipe.simulated)} simulated"
    if facts := list(unstated_facts(recipe, recipe.sources)):
        return f"not stated: {', '.join(facts)}"
    size = sum(file.size for file in manifest.select().values())
    if size > MAX_PACKAGED_BYTES:
        return f"{size / 1e6:.1f} MB, more than {MAX_PACKAGED_BYTES / 1e6:g}"
    behind = [
        f"{own.name}, {own.modality}: {own.mean:.3f}, {best.method} {best.mean:.3f}"
        for own, best in leading_baselines(manifest.metrics)
        if is_behind(own, best)
    ]
    return "; ".join(behind)


def package(space: Path) -> None:
    """Replace a packaged space; the text that people wrote into its card stays."""
    target = SPACES / space.name
    card = (target / CARD_NAME).read_bytes() if target.exists() else None
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(space, target)
    if card is not None:
        (target / CARD_NAME).write_bytes(card)


def keep_labels(name: str, data: Path) -> None:
    """Write the golden labels of a space, which a test compares; remove them if it is not packaged."""
    subprocess.run([sys.executable, GOLDEN_LABELS, name, "--data", data], check=True)


def main() -> None:
    """Build what is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the data files")
    parser.add_argument("--work", type=Path, default=ROOT / "build/zoo", help="folder of spaces in the making")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="recipes to look at [default: all]")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for path in sorted(RECIPES.glob("*.toml"), key=lambda path: (bool(read_recipe(path).onto), path)):
        if arguments.only and path.stem not in arguments.only:
            continue
        if is_current(path, arguments.work):
            done = "up to date"
        elif describe(path):
            done = "described again"
        else:
            done = build(path, arguments.data, arguments.work)
        print(f"{path.stem}: {done}", flush=True)
    for script in ("figures.py", "cards.py"):
        subprocess.run([sys.executable, ROOT / "docs" / script], check=True)


if __name__ == "__main__":
    main()
