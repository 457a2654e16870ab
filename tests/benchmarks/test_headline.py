"""What README and the first paragraph say about other methods, and the page on the paper's figures."""

import json

import headline
import page
import pytest
from figures_page import FIGURES, KEPT, batch_claims, overview, screening_claims, write_figures_page

RESULTS = json.loads(page.SUMMARY.read_text())


def test_readme_says_what_the_results_are():
    shown = headline.README.read_text().split(headline.START)[1].split(headline.END)[0]
    assert shown.strip() == headline.paragraph(RESULTS).strip(), "run python benchmarks/peers/page.py"


def test_first_paragraph_says_what_the_results_are_in_few_lines():
    first, _ = page.behind_first(RESULTS)
    assert first in page.PAGE.read_text(), "run python benchmarks/peers/page.py"
    assert len(first.splitlines()) <= 12


@pytest.fixture
def results():
    """Return results of labels in which kNN is behind ours, and of pairs in which CCA is ahead and MCIA has one set."""

    def summary(metric: str, values: dict[str, list[float]]) -> dict:
        rows = [
            {"set": f"s{at}", "method": method, "metrics": {metric: value}}
            for method, each in values.items()
            for at, value in enumerate(each)
        ]
        return {"rows": rows, "methods": {method: {"title": method.upper()} for method in values}}

    return {
        "transfer": summary("accuracy", {"smile": [0.9, 0.8, 0.7, 0.8], "knn": [0.8, 0.8, 0.7], "ingest": [0.1] * 3}),
        "pairs": summary("foscttm", {"smile": [0.2, 0.3, 0.2], "cca": [0.1, 0.2, 0.2], "mcia": [0.0]}),
    }


def test_headline_names_the_best_other_method_and_those_ahead(results):
    assert headline.headline(results) == (
        "On the same cells, smile-zoo labels 80.0% right on average over 3 data sets; KNN, the best of 2 other "
        "methods, 76.7%. It matches pairs of modalities worse than *CCA* by FOSCTTM (0.233 against 0.167, 3 sets)."
    )


def test_headline_says_what_unknown_costs(results):
    for each in results["transfer"]["rows"]:
        if each["method"] == "smile" and each["set"] != "s3":  # kNN has the first three
            each["metrics"]["nearest_accuracy"] = 0.95
    assert "3 data sets (`unknown` counts as wrong; with the nearest label instead, 95.0%); KNN" in headline.headline(
        results
    )


def test_headline_of_too_few_sets(results):
    results["transfer"]["rows"] = results["transfer"]["rows"][:2]
    assert headline.headline(results).startswith("Too few data sets")


def test_only_what_is_between_the_marks_is_replaced(results, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{headline.START}old\n{headline.END}after\n")
    headline.write_readme(results, readme)
    text = readme.read_text()
    assert text.startswith(f"before\n{headline.START}")
    assert text.endswith(f"{headline.END}after\n")
    assert "old" not in text
    assert headline.headline(results) in text.replace("\n", " ")


def test_batches_must_mix_and_types_stay_apart():
    pca = {"set": "blood", "n_cells": 9, "embedding": "PCA", "type": 0.2, "batch": 0.1}
    found = batch_claims(
        [pca, {**pca, "embedding": "a", "type": 0.3, "batch": 0.0}, {**pca, "embedding": "b", "batch": 0.0}]
    )
    assert [verdict for _, verdict in found] == ["holds", "**does not hold**"]


def test_key_features_must_move_modalities_farther_than_both_other_groups():
    def rows(modality: str, **changes: float) -> list[dict]:
        about = {"modality": modality, "n_features": 5, "distance": 0.4}
        return [{**about, "group": group, "change": change} for group, change in changes.items()]

    shown = [*rows("rna", key=0.3, differential=0.2, random=0.0), *rows("atac", key=0.2, differential=0.3, random=0.0)]
    assert [verdict for _, verdict in screening_claims(shown)] == ["holds", "**does not hold**"]


def test_every_figure_that_is_kept_has_its_pictures_and_verdicts():
    kept = json.loads(KEPT.read_text())
    assert kept.keys() == FIGURES.keys()
    pictures = {name for figure in FIGURES.values() for name in figure.pictures}
    assert pictures == {path.stem.removeprefix("paper-") for path in page.PAGE.with_suffix("").glob("paper-*.png")}
    assert "| Hi-C on the map of methylation |" in overview(kept, "figures.md")


def test_page_on_the_figures_says_what_is_kept(tmp_path):
    write_figures_page(json.loads(KEPT.read_text()), tmp_path / "figures.md")
    written = (page.PAGE.with_suffix("") / "figures.md").read_text()
    assert (tmp_path / "figures.md").read_text() == written, "run python benchmarks/peers/page.py"
