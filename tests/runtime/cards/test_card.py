"""The card of a space: what it says, what the Hub reads of it, what stays of its author's words."""

import re
from pathlib import Path

import anndata
import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from smile_runtime import Manifest, Space, SpaceError, project, read_manifest
from smile_runtime.cards import metric_table
from smile_runtime.cards.card import END, START, render_card
from smile_runtime.cards.comparison import behind_baselines, is_behind
from smile_runtime.cards.markdown import escaped
from smile_runtime.manifest import ExtensionRecord, MetricRecord, SourceRecord, StressRecord
from smile_zoo.transfer.card_merge import merge_card, require_complete

replace = msgspec.structs.replace


@pytest.fixture
def pbmc(pbmc_path: Path) -> Manifest:
    return read_manifest(pbmc_path)


@pytest.fixture
def card(pbmc: Manifest) -> str:
    return render_card(pbmc)


@pytest.fixture
def several(pbmc: Manifest) -> Manifest:
    """A composition of RNA, antibodies, simulated peaks and contacts; the confidence of the last is not calibrated."""
    rna = replace(pbmc.encoders["rna"], min_matched=0.1, stress=None)
    steps = replace(rna.preprocessing, target_sum=None, log1p=False, scaling="none")
    adt = replace(steps, values="counts", clr=True, log1p=True, scaling="sd")
    peaks = replace(steps, values="presence", binarize=True, tfidf=True)
    contacts = replace(steps, values="counts", band_mean=[1.0, 2.0], log1p=True, scaling="sd")
    encoders = {
        "rna": rna,
        "adt": replace(rna, n_features=134, preprocessing=adt, graph="onnx/adt.onnx"),
        "atac_simulated": replace(rna, n_features=20_000, preprocessing=peaks, min_matched=0.25),
        "hic": replace(rna, preprocessing=contacts, calibrations={}),
    }
    sources = [
        SourceRecord(name="A study", license="CC0-1.0", url="https://example.org/a_b", sha256="1"),
        SourceRecord(name="A study", license="CC0-1.0", url="https://example.org/a_b", sha256="2"),
        SourceRecord(name="Made up", license="CC0-1.0", simulated=True),
    ]
    modalities = {name: {**pbmc.recipe["modalities"]["rna"], "kind": name.split("_")[0]} for name in encoders}
    return replace(
        pbmc,
        name="several",
        variant="composition",
        organism="Mus musculus",
        tissue="frontal cortex, hippocampus",
        encoders=encoders,
        sources=sources,
        metrics=[
            figure("ARI of clusters", "rna", 0.74325),
            figure("label transfer accuracy", "rna", 0.95148),
            figure("label transfer accuracy", "rna", 0.9, "pca"),
            figure("label transfer accuracy, cell_type_broad", "rna", 0.98889),
            figure("label transfer macro-F1", "rna", 0.80094),
            figure("silhouette by batch", "rna", -0.00362),
            figure("label transfer accuracy", "adt", 0.7),
            figure("label transfer accuracy", "adt from rna", 0.6),
            figure("FOSCTTM", "adt and rna", 0.125),
        ],
        recipe={**pbmc.recipe, "modalities": modalities},
    )


def figure(name: str, modality: str, mean: float, method: str = "smile") -> MetricRecord:
    return MetricRecord(name=name, modality=modality, method=method, mean=mean, std=0.25, n_repeats=3)


def front(card: str) -> dict:
    return yaml.safe_load(card.removeprefix("---\n").split("\n---\n", 1)[0])


def section(card: str, title: str) -> str:
    """What stands under a heading."""
    return card.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def examples(card: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", section(card, "How to use it"), re.M | re.S)


def test_front_matter_of_pbmc(card):
    fields = front(card)
    assert list(fields) == ["library_name", "license", "tags", "model-index"]
    assert fields["library_name"] == "smile-zoo"
    assert fields["license"] == "cc-by-sa-4.0"
    assert fields["tags"] == [
        *("single-cell", "biology", "genomics", "onnx", "contrastive-learning"),
        *("homo-sapiens", "blood", "rna"),
    ]


def test_tags_of_several_modalities(several):
    tags = front(render_card(several))["tags"]
    assert tags[5:] == [
        *("mus-musculus", "frontal-cortex", "hippocampus"),
        *("rna", "adt", "atac-simulated", "hic", "simulated"),
    ]


def test_proteins_alone_are_no_genomics(several):
    modalities = {"adt": several.recipe["modalities"]["adt"]}
    proteins = replace(
        several, encoders={"adt": several.encoders["adt"]}, recipe={**several.recipe, "modalities": modalities}
    )
    assert "genomics" not in front(render_card(proteins))["tags"]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("BSD-3-Clause", {"license": "bsd-3-clause"}),
        ("unspecified", {"license": "other", "license_name": "unspecified"}),
        ("My Own: #1 (v2)", {"license": "other", "license_name": "my-own-1-v2"}),
        ("", {"license": "other", "license_name": "unspecified"}),
    ],
)
def test_license_as_the_hub_takes_it(pbmc, stated, expected):
    fields = front(render_card(replace(pbmc, license=stated)))
    assert {key: value for key, value in fields.items() if key.startswith("license")} == expected


def test_the_hub_reads_the_figures(several):
    content = render_card(several)
    data = ModelCard(content).data
    found = {
        (each.dataset_config, each.dataset_split, each.metric_name): each.metric_value for each in data.eval_results
    }
    assert data.model_name == "several"
    assert found == {
        ("rna", "train", "ARI of clusters"): 0.7432,
        ("rna", "train", "silhouette by batch"): -0.0036,
        ("rna", "test", "label transfer accuracy"): 0.9515,
        ("rna", "test", "label transfer accuracy, cell_type_broad"): 0.9889,
        ("rna", "test", "label transfer macro-F1"): 0.8009,
        ("adt", "test", "label transfer accuracy"): 0.7,
        ("adt and rna", "test", "FOSCTTM"): 0.125,
    }
    types = {each.metric_name: (each.task_type, each.metric_type) for each in data.eval_results}
    assert types["label transfer accuracy"] == ("tabular-classification", "accuracy")
    assert types["label transfer accuracy, cell_type_broad"] == ("tabular-classification", "accuracy")
    assert types["label transfer macro-F1"] == ("tabular-classification", "f1")
    assert types["FOSCTTM"] == ("feature-extraction", "foscttm")
    assert {each.dataset_name for each in data.eval_results} == {"A study; Made up"}
    index = front(content)["model-index"]
    assert eval_results_to_model_index(*model_index_to_eval_results(index)) == index
    assert ModelCard(content).data.to_dict() == front(content)


def test_no_figures(pbmc):
    content = render_card(replace(pbmc, metrics=[]))
    assert "model-index" not in front(content)
    assert "Nothing was measured." in section(content, "Figures")


def test_what_it_is(several):
    content = render_card(several)
    rna, reference = f"{several.encoders['rna'].n_features:,}", several.reference
    primary, broad, fine = (", ".join(column.labels) for column in reference.label_columns)
    assert f"- Encoders: rna, {rna} features; adt, 134 features; atac_simulated, 20,000 features; hic, {rna}" in content
    assert "- Organism: Mus musculus; tissue: frontal cortex, hippocampus\n" in content
    assert f"- Reference: {reference.n_points:,} landmarks for {reference.n_cells:,} cells\n" in content
    within = "cell_type (each within one of cell_type_broad)"
    assert f'- Labels, {within}, in `obs["smile_label"]`: {primary}\n' in content
    assert f'- Labels, cell_type_broad, in `obs["smile_label_cell_type_broad"]`: {broad}\n' in content
    within = "cell_type_fine (each within one of cell_type; one named like it says nothing finer)"
    assert f'- Labels, {within}, in `obs["smile_label_cell_type_fine"]`: {fine}\n' in content
    assert "must not be published" in content


def test_training_data(several, card):
    assert section(render_card(several), "Training data").split("\n") == [
        "",
        "- A study (license: CC0-1.0) https://example.org/a_b",
        "- simulated from: Made up (license: CC0-1.0)",
        "",
    ]
    assert "simulated" not in card


def test_preprocessing_in_words(several):
    rna, adt, atac, hic = section(render_card(several), "Preprocessing").strip().split("\n")
    centered = "each feature centered on its mean in the reference"
    assert rna == (
        "- rna: raw counts or log-normalized values; scaled to a total of 10,000 per cell, log(1 + value), "
        f"{centered}, and divided by the square root of its standard deviation. "
        "Queries with less than 10% of the encoder's feature weight are rejected."
    )
    assert adt.startswith(
        f"- adt: raw counts; divided by the cell's geometric mean (CLR), log(1 + value), {centered}, and "
        "divided by its standard deviation. "
    )
    assert atac.startswith(
        "- atac_simulated: counts or presence, where only zero or nonzero matters; binarized to present or absent, "
        f"TF-IDF with rows of unit length, {centered}. Queries with less than 25% "
    )
    assert hic.startswith("- hic: raw counts; each distance band scaled to its mean in the reference, log(1 + ")


def test_settings(several, card):
    rows = section(card, "Settings").strip().split("\n")
    assert "| `modalities.rna.stem` | n_components 50, kind pca |" in rows
    assert "| `training.pairing` | kind label_neighbour, n_neighbors 15, unpaired false |" in rows
    assert (
        "| `training.loss` | temperature 0.05, pseudo_type_temperature 0.15, mse_weight 1.0, entropy_weights 0.2/0.4 |"
        in rows
    )
    assert "| `seed` | 0 |" in rows
    assert rows[-1].startswith("| built with | python 3.11.7, smile-zoo 0.1.0, torch ")
    assert "`students`" not in card
    assert "| `students.optimiser` | lr 0.01," in section(render_card(several), "Settings")


def test_a_manifest_of_another_trainer_has_a_card(pbmc):
    content = render_card(replace(pbmc, recipe={}))
    require_complete(content)
    assert [row for row in section(content, "Settings").split("\n") if row][2:] == [
        "| variant | smile |",
        next(row for row in content.split("\n") if row.startswith("| built with |")),
    ]
    assert "cross-validation" not in content


def test_figures_and_calibration(several):
    text = section(render_card(several), "Figures")
    assert text.startswith("\n3-fold cross-validation, 3 repeats with different seeds.\nLabel transfer and FOSCTTM")
    assert "| label transfer accuracy | rna | 0.951 ± 0.250 | 0.900 ± 0.250 |" in text
    assert "| label transfer accuracy, cell_type_broad | rna | 0.989 ± 0.250 |  |" in text
    assert "| FOSCTTM | adt and rna | 0.125 ± 0.250 |  |" in text
    calibrations = several.encoders["rna"].calibrations
    assert list(calibrations) == ["cell_type", "cell_type_broad", "cell_type_fine"]
    assert calibrations["cell_type"].n_cells == several.reference.n_cells
    assert text.rstrip().split("\n")[-10:] == [
        "| --- | --- | --- | --- |",
        *(
            f"| {modality} | {name} | {each.expected_calibration_error:.3f} | {each.n_cells:,} |"
            for modality in ("rna", "adt", "atac_simulated")
            for name, each in calibrations.items()
        ),
    ]


def test_drivers_of_labels(pbmc: Manifest) -> None:
    bare = {"rna": replace(pbmc.encoders["rna"], drivers=msgspec.UNSET)}
    assert "## Drivers" not in render_card(replace(pbmc, encoders=bare))
    found = {"rna": replace(pbmc.encoders["rna"], drivers={"B": ["MS4A1", "CD79A"], "a|b": ["x_y"]})}
    card = render_card(replace(pbmc, encoders=found))
    assert "rna:\n\n| label | features |\n| --- | --- |\n| B | MS4A1, CD79A |\n| a\\|b | x_y |\n" in card


def test_stress_test(pbmc):
    level = StressRecord(
        kind="depth",
        fraction=0.25,
        detected=1234.0,
        measured=1.0,
        accuracy=0.875,
        unknown=0.125,
        calibration_error=0.0625,
        baselines={"pca": 0.75},
        n_cells=8,
    )
    few = replace(level, kind="features", measured=0.2, baselines={"lsi": 0.5})
    encoders = {"rna": replace(pbmc.encoders["rna"], stress=[level, few])}
    files = {**pbmc.files, "stress.png": pbmc.files["map.png"]}
    text = section(render_card(replace(pbmc, encoders=encoders, files=files)), "Figures")
    assert "| modality | kept | detected features | measured weight | accuracy | lsi | pca | unknown |" in text
    assert "| rna | 25% of counts | 1,234 | 100% | 0.875 |  | 0.750 | 12.5% | 0.062 |" in text
    assert "| rna | 25% of features | 1,234 | 20% | 0.875 | 0.500 |  | 12.5% | 0.062 |" in text
    assert "![accuracy by depth and by features](stress.png)" in render_card(replace(pbmc, files=files))
    bare = {"rna": replace(pbmc.encoders["rna"], stress=msgspec.UNSET)}
    assert "fewer counts" not in section(render_card(replace(pbmc, encoders=bare)), "Figures")


def test_no_labels(pbmc):
    rna = replace(pbmc.encoders["rna"], calibrations={})
    metrics = [replace(pbmc.metrics[0], n_repeats=1)]
    content = render_card(
        replace(pbmc, encoders={"rna": rna}, reference=replace(pbmc.reference, label_columns=[]), metrics=metrics)
    )
    assert "- Labels: none\n" in content
    assert "smile_label" not in content
    assert section(content, "Figures").startswith("\nFrom a single training run.\n")
    assert f"| ARI of clusters | rna | {metrics[0].mean:.3f} |\n" in content
    assert "Expected calibration error" not in content


def test_only_pictures_that_are_there(pbmc, card):
    assert re.findall(r"!\[\w+\]\((.*?)\)", card) == ["map.png", "loss.png"]
    one = {name: record for name, record in pbmc.files.items() if name != "map.png"}
    assert re.findall(r"!\[\w+\]\((.*?)\)", render_card(replace(pbmc, files=one))) == ["loss.png"]
    assert "## Pictures" not in render_card(replace(pbmc, files={}))


def test_a_space_without_a_tissue_has_no_scope(pbmc):
    assert "Only for cells of" not in render_card(replace(pbmc, tissue="not stated"))


def test_limits_and_citation(card):
    assert "- Only for cells of Homo sapiens, from: blood. Other cells get" in section(card, "Limits and misuse")
    assert "Not for diagnosis" in section(card, "Limits and misuse")
    assert "10.1093/bioinformatics/btab706" in section(card, "Citation")
    assert "```bibtex\n@article{xu2022smile,\n" in section(card, "Citation")


def test_examples_name_the_folder_or_the_repository(pbmc, several):
    (shell,), (python, _) = examples(render_card(pbmc), "bash"), examples(render_card(pbmc), "python")
    assert "pull" not in shell
    assert "smile-zoo project query.h5ad ./pbmc -o out.h5ad --report report.html\n" in shell
    assert 'space = smile_zoo.load("./pbmc")\n' in python
    packaged = render_card(pbmc, packaged=True)
    assert "smile-zoo project query.h5ad pbmc -o out.h5ad --report report.html\n" in examples(packaged, "bash")[0]
    assert 'space = smile_zoo.load("pbmc")\n' in examples(packaged, "python")[0]
    assert "`smile-zoo pull pbmc --to pbmc` copies it" in packaged
    published = render_card(several, repo="lab/several")
    (shell,), (python, _) = examples(published, "bash"), examples(published, "python")
    assert shell.splitlines()[1:] == [
        "smile-zoo pull lab/several",
        "smile-zoo project query.h5ad lab/several --modality rna -o out.h5ad --report report.html",
    ]
    assert 'space = smile_zoo.load("lab/several")\n' in python
    assert 'smile_runtime.project(adata, space, modality="rna")  # obsm["X_smile"], obs["smile_label"]' in python
    assert "`--modality` is one of: `rna`, `adt`, `atac_simulated`, `hic`." in published
    assert "`hf download lab/several --local-dir several` downloads it" in published


def plain_example(card: str) -> str:
    (code,) = (code for code in examples(card, "python") if "onnxruntime" in code)
    return code


def test_the_plain_example_gives_the_embedding(card, space: Space, monkeypatch):
    rng = np.random.default_rng(3)
    known = rng.permutation(space.encoder().features.ids)[:1500]
    measured = rng.permutation([*known, *(f"OTHER{number}" for number in range(400))])
    values = rng.poisson(0.5, (20, len(measured)))
    values[4] = 0
    namespace = {"values": values, "measured": measured}
    monkeypatch.chdir(space.path)
    exec(plain_example(card), namespace)

    cells = anndata.AnnData(values.astype(np.float32), var=pd.DataFrame(index=measured))
    project(cells, space)
    assert namespace["embedding"].shape == (20, 128)
    assert namespace["pseudo_type"].shape == (20, 25)
    np.testing.assert_allclose(namespace["embedding"], cells.obsm["X_smile"], atol=1e-5)
    encoded = space.encoder().encode(namespace["X"], namespace["size_factor"])
    np.testing.assert_allclose(namespace["embedding"], encoded, atol=1e-5)


def test_the_plain_example_of_a_modality_without_totals(several):
    adt = replace(several, encoders={"adt": several.encoders["adt"]})
    code = plain_example(render_card(adt))
    assert "size_factor = np.ones((len(values), 1), np.float32)\n" in code
    assert "total" not in code
    assert '"onnx/adt.onnx"' in code


def test_words_of_others_stay_words(pbmc):
    title = "---\nlibrary_name: evil # \"quoted\": 'yes' | <b>bold</b>"
    description = f"---\n\n# Not a heading\n{END}\n```\nnot code: [no link](x)\n"
    source = SourceRecord(name='"x": [y]', license="- &amp; *a* _b_ c_d")
    content = render_card(
        replace(pbmc, title=title, description=description, sources=[source], organism='Homo: "sapiens" #1')
    )
    assert front(content)["library_name"] == "smile-zoo"
    assert front(content)["model-index"][0]["results"][0]["dataset"]["name"] == '"x": [y]'
    assert "homo-sapiens-1" in front(content)["tags"]
    lines = content.split("\n")
    assert lines.count("---") == 2
    assert [line for line in lines if line.startswith("# ")] == [
        "# \\---" + " library_name: evil # \"quoted\": 'yes' \\| &lt;b>bold&lt;/b>"
    ]
    assert lines.count(END) == lines.count(START) == 1
    assert "\\--- # Not a heading &lt;!-- smile-zoo: end --> \\`\\`\\` not code: \\[no link\\](x)" in lines
    assert '- "x": \\[y\\] (license: \\- &amp;amp; \\*a\\* \\_b\\_ c_d)' in lines
    assert merge_card(content, content) == content
    require_complete(content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3. not a list", "3\\. not a list"), ("3.5 is 3-fold", "3.5 is 3-fold"), (">5 cells", "\\>5 cells")],
)
def test_the_beginning_of_a_line(text, expected):
    assert escaped(text) == expected


def test_names_stay_inside_the_examples(pbmc):
    content = render_card(replace(pbmc, name='a"); import os; ("', encoders=pbmc.encoders), repo="lab/a; rm -rf ~")
    (shell,), (python, _) = examples(content, "bash"), examples(content, "python")
    assert "smile-zoo pull 'lab/a; rm -rf ~'\n" in shell
    assert 'smile_zoo.load("lab/a; rm -rf ~")' in python
    (_, plain) = examples(render_card(replace(pbmc, name="x")), "python")
    compile(plain, "example", "exec")
    (python, _) = examples(render_card(replace(pbmc, name='a"); import os; ("')), "python")
    assert 'smile_zoo.load("./a\\"); import os; (\\"")' in python


MINE = """\
---
license: mit
language: en
tags:
- mine
- rna
base_model: lab/other
license_name: old
---

Words before.

"""


def test_own_text_is_kept_and_the_rest_made_anew(pbmc, card):
    heading = f"# {pbmc.title}\n"
    assert heading in card
    old = MINE + card.split("---\n\n", 1)[1].replace(heading, "# Changed by hand\n")
    old += "\n## My notes\n\nWords after.\n"
    merged = merge_card(old, card)
    fields = front(merged)
    assert {key: fields[key] for key in ("license", "language", "base_model")} == {
        "license": pbmc.license.lower(),
        "language": "en",
        "base_model": "lab/other",
    }
    assert "license_name" not in fields
    assert fields["tags"] == [*front(card)["tags"], "mine"]
    assert fields["model-index"] == front(card)["model-index"]
    assert f"---\n\nWords before.\n\n{START}\n\n{heading}" in merged
    assert merged.endswith(f"{END}\n\n## My notes\n\nWords after.\n")
    assert "Changed by hand" not in merged
    newer = render_card(replace(pbmc, title="Another title"))
    assert "# Another title" in merge_card(merged, newer)
    assert heading not in merge_card(merged, newer)


def test_a_card_without_marks_comes_after_the_generated_part(card):
    merged = merge_card("---\nlicense: mit\n---\n# My space\n\nMy words.\n", card)
    assert merged == card + "\n# My space\n\nMy words.\n"


def test_no_card_gives_the_generated_one(card):
    assert merge_card("", card) == card
    assert merge_card("---\nlicense: mit\n---\n", card) == card
    assert merge_card(card, card) == card


@pytest.mark.parametrize(
    "existing",
    [
        "",
        "My words.",
        "\n\n---\ntags: mine\n---\nMy words.",
        "\ufeff---\r\nlanguage: en\r\n---\r\n\r\nMy words.\r\n",
        "---\ntags: [1, {a: b}]\ndate: 2024-01-02\n---\n",
        MINE + "After.\n\n\n",
        MINE + f"{START}\n\nold\n{END}\n\n\n\nAfter.",
    ],
)
def test_merging_again_changes_nothing(card, existing):
    once = merge_card(existing, card)
    assert merge_card(once, card) == once
    require_complete(once)
    for words in ("My words.", "After.", "Words before."):
        assert once.count(words) == existing.count(words)


@pytest.mark.parametrize("existing", ["\ufeff---\nlanguage: en\n---\n", "---\r\nlanguage: en\r\n---\r\nMine.\r\n"])
def test_cards_of_other_editors_are_read(card, existing):
    merged = merge_card(existing, card)
    assert front(merged)["language"] == "en"
    assert "\r" not in merged


@pytest.mark.parametrize(
    ("existing", "text"),
    [
        ("---\ntags: [a\n---\nbody", "is not YAML: .*correct it, or remove it"),
        ("---\ntags: !!python/object:os.system x\n---\n", "is not YAML"),
        ("---\ndate: 2024-13-45\n---\n", "is not YAML"),
        ("---\n- a\n- b\n---\n", "is a list, but must be lines of `key: value`"),
        ("---\ntags: a\n\nbody", "is not closed; end it with a line ---"),
        (f"{START}\nbody", "1 marks `smile-zoo: made from config.json` and 0 marks"),
        (f"{END}\n{START}\n", "one of each is needed, in this order"),
        (f"{START}\n{END}\n{START}\n{END}\n", "2 marks"),
    ],
)
def test_a_malformed_card_is_refused(card, existing, text):
    with pytest.raises(SpaceError, match=text):
        merge_card(existing, card)


def test_only_a_generated_card_is_merged(card):
    with pytest.raises(SpaceError, match="the new card has no marks"):
        merge_card(card, "my words")


def test_every_card_is_complete(card, several):
    require_complete(card)
    require_complete(render_card(several, repo="lab/several"))


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("library_name: smile-zoo\n", "", "library_name"),
        ("license: {license}\n", "license:\n", "license"),
        ("# {title}", "# ", "a title"),
        ("# {title}", "```bash\n# no title\n```", "a title"),
        ("## How to use it", "## Something", "the section 'How to use it'"),
        ("## Training data", "### Training data", "the section 'Training data'"),
        ("## Limits and misuse", "", "the section 'Limits and misuse'"),
        ("## Citation", "Citation", "the section 'Citation'"),
    ],
)
def test_an_incomplete_card_is_refused(pbmc, card, old, new, missing):
    old = old.format(license=pbmc.license.lower(), title=pbmc.title)
    assert old in card
    with pytest.raises(SpaceError, match=rf"^the card lacks {missing};"):
        require_complete(card.replace(old, new))


def test_an_empty_section_is_none(card):
    start, end = card.index("## Training data"), card.index("## Preprocessing")
    with pytest.raises(SpaceError, match="lacks the section 'Training data'"):
        require_complete(f"{card[:start]}## Training data\n\n{card[end:]}")


def test_all_that_is_missing_is_named():
    with pytest.raises(SpaceError) as caught:
        require_complete("# A title\n\n## Citation\n\nOutside of the marks.\n")
    sections = ("How to use it", "Training data", "Limits and misuse", "Citation")
    assert str(caught.value).startswith(
        f"the card lacks library_name, license, a title, {', '.join(f'the section {title!r}' for title in sections)};"
    )


def test_nothing_invisible_reaches_a_card(pbmc):
    evil = "a\x1b[2J\u202eb\u200bc\x9b\0\x85## Not a heading | ~~d~~"
    metric = replace(pbmc.metrics[0], name=evil, modality=evil, method=evil)
    source = SourceRecord(name=evil, license=evil, url=evil)
    card = render_card(
        replace(pbmc, name=evil, title=evil, tissue=evil, sources=[source], metrics=[*pbmc.metrics, metric])
    )
    assert all(line.isprintable() for line in card.split("\n"))
    assert "# a\\\\x1b\\[2J\\\\u202eb\\\\u200bc\\\\x9b\\\\x00 ## Not a heading \\| \\~\\~d\\~\\~\n" in card
    table = metric_table([*pbmc.metrics, metric])
    assert len({line.replace("\\|", "").count("|") for line in table.splitlines()}) == 1


@pytest.mark.parametrize(
    "front",
    ["a: &a [x, x]\nb: &b [*a, *a]\ntags: [*b, *b]\n", "tags: " + "x" * 300_000 + "\n"],
    ids=["aliases", "long"],
)
def test_front_matter_that_would_grow_is_refused(card, front):
    with pytest.raises(SpaceError, match="has aliases or more than 200,000 characters, which no card needs"):
        merge_card(f"---\n{front}---\n", card)


def compared(*means: tuple[str, str, float, float]) -> list[MetricRecord]:
    """Metrics of a space and of a baseline: name, modality, mean of the space, mean of the baseline."""
    return [
        MetricRecord(name=name, modality=modality, method=method, mean=mean, std=0.0, n_repeats=3)
        for name, modality, *both in means
        for method, mean in zip(("smile", "pca"), both, strict=True)
    ]


def test_first_paragraph_says_where_a_space_is_behind_a_baseline(pbmc: Manifest) -> None:
    metrics = compared(
        ("label transfer accuracy", "rna", 0.9, 0.95),
        ("label transfer accuracy", "adt", 0.9, 0.9001),
        ("FOSCTTM", "adt and rna", 0.2, 0.1),
        ("FOSCTTM", "atac and rna", 0.1, 0.2),
        ("ARI of clusters", "rna", 0.1, 0.9),
    )
    title, first = render_card(replace(pbmc, metrics=metrics)).split(START)[1].strip().split("\n\n")[:2]
    assert title == f"# {pbmc.title}"
    assert first == (
        f"{pbmc.description} **On left-out cells, a baseline outperforms the space in label transfer accuracy, rna "
        "(0.900; pca: 0.950); FOSCTTM, adt and rna (0.200; pca: 0.100).**"
    )


def test_card_of_a_space_ahead_of_its_baselines_compares_in_the_table_alone(pbmc: Manifest) -> None:
    metrics = compared(("label transfer accuracy", "rna", 0.96, 0.95), ("FOSCTTM", "adt and rna", 0.1, 0.2))
    assert "a baseline outperforms" not in render_card(replace(pbmc, metrics=metrics))


def test_added_cells_are_no_training_data(pbmc):
    source = SourceRecord(name="Own *cells*", license="CC0-1.0", sha256="a" * 64)
    extension = ExtensionRecord(
        space="pbmc",
        manifest_sha256="b" * 64,
        modality="rna",
        n_cells=1200,
        n_points=40,
        new_labels=["Platelet"],
        sources=["a" * 64],
    )
    extended = replace(pbmc, sources=[*pbmc.sources, source], extensions=[extension])
    card = render_card(extended)
    training, _, added = card.partition("## Training data")[2].partition("## Added cells")
    assert "Own" not in training
    added = added.partition("## ")[0]
    text = r"1,200 cells of Own \*cells\*, added to the space pbmc without training"
    assert f"- {text} (manifest sha256 `bbbbbbbbbbbb`); new labels: Platelet" in added
    assert r"- Own \*cells\* (license: CC0-1.0)" in added
    assert f"cells; among them {text}\n" in card
    assert "Own" not in card.partition("\n---\n")[0]
    assert "## Added cells" not in render_card(pbmc)


def metric(method: str, mean: float, std: float = 0.0, lead=msgspec.UNSET) -> MetricRecord:
    return MetricRecord(
        name="label transfer accuracy", modality="rna", method=method, mean=mean, std=std, n_repeats=4, lead=lead
    )


@pytest.mark.parametrize(
    ("own", "other", "behind"),
    [
        (metric("smile", 0.90), metric("pca", 0.91, lead=(-0.02, 0.001)), False),
        (metric("smile", 0.90), metric("pca", 0.91, lead=(-0.02, -0.001)), True),
        (metric("smile", 0.90, 0.01), metric("pca", 0.91, 0.01), False),  # without an interval: 2 standard errors
        (metric("smile", 0.90, 0.01), metric("pca", 0.92, 0.01), True),
    ],
)
def test_a_baseline_is_ahead_by_more_than_chance(own, other, behind):
    assert is_behind(own, other) is behind


def test_the_interval_of_a_lead_is_stated():
    metrics = [metric("smile", 0.90), metric("pca", 0.91, lead=(-0.02, 0.001))]
    assert behind_baselines(metrics) == (
        "On left-out cells, a baseline outperforms the space in label transfer accuracy, rna "
        "(0.900; pca: 0.910, difference -0.020 to +0.001)."
    )
