"""A space is verified before it is used."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_runtime import (
    FormatVersionError,
    IntegrityError,
    SmileError,
    SpaceError,
    SpaceNotFoundError,
    UnknownModalityError,
    open_space,
    project,
    read_manifest,
)
from smile_runtime.io.atomic_files import sha256_file


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\n")


def test_open_space(pbmc_copy):
    space = open_space(str(pbmc_copy), revision="abc")
    assert (space.name, space.path, space.revision, space.device) == ("pbmc", pbmc_copy, "abc", "auto")
    assert space.manifest == read_manifest(pbmc_copy)
    assert space.manifest_sha256 == sha256_file(pbmc_copy / "config.json")


def test_contents_match_the_manifest(space):
    manifest, reference, encoder = space.manifest, space.reference, space.encoder()
    record = manifest.encoders["rna"]
    assert reference.embedding.shape == (manifest.reference.n_points, record.n_latent)
    assert reference.weight.sum() == manifest.reference.n_cells
    assert reference.label.shape == (len(reference), len(manifest.reference.label_columns))
    assert list(reference.label_columns) == manifest.reference.label_columns
    np.testing.assert_allclose(np.linalg.norm(reference.embedding, axis=1), 1, atol=1e-5)
    assert np.isfinite(reference.map).all()
    assert len(set(encoder.features.ids)) == record.n_features
    assert str(encoder.graph) == str(space.path / record.graph)
    assert encoder.device == space.device


def test_encoder_and_reference_are_read_once(space):
    assert space.encoder() is space.encoder("rna")
    assert space.reference is space.reference


@pytest.mark.parametrize("damage", [flip, truncate, lengthen, Path.unlink])
def test_each_damaged_file_is_named(pbmc_copy, damage):
    for name in read_manifest(pbmc_copy).files:
        if name.startswith("training/") and (damage is Path.unlink or not (pbmc_copy / name).exists()):
            continue
        content = (pbmc_copy / name).read_bytes()
        damage(pbmc_copy / name)
        with pytest.raises(IntegrityError, match="pull or build the space again") as caught:
            open_space(pbmc_copy)
        assert str(pbmc_copy / name) in str(caught.value)
        (pbmc_copy / name).write_bytes(content)
    open_space(pbmc_copy)


def test_message_distinguishes_size_from_content(pbmc_copy):
    flip(pbmc_copy / "map.png")
    with pytest.raises(IntegrityError, match="its sha256 is"):
        open_space(pbmc_copy)
    truncate(pbmc_copy / "map.png")
    with pytest.raises(IntegrityError, match="bytes, but the manifest says"):
        open_space(pbmc_copy)


@pytest.mark.parametrize("change", [flip, truncate, lengthen, Path.unlink])
def test_card_may_be_edited_even_if_an_old_manifest_pins_it(edit_manifest, change):
    pinned = {"sha256": "0" * 64, "size": 4}
    copy = edit_manifest(lambda document: document["files"].update({"README.md": pinned}))
    change(copy / "README.md")
    assert "README.md" not in open_space(copy).manifest.files


def test_training_weights_may_be_absent_but_not_changed(edit_manifest):
    pinned = {"sha256": "0" * 64, "size": 4}
    copy = edit_manifest(lambda document: document["files"].update({"training/more.safetensors": pinned}))
    assert open_space(copy).name == "pbmc"
    (copy / "training").mkdir(exist_ok=True)
    (copy / "training/more.safetensors").write_bytes(b"1234")
    with pytest.raises(IntegrityError, match=r"training/more\.safetensors was changed"):
        open_space(copy)


@pytest.mark.parametrize("kind", ["graph", "features", "parity"])
def test_file_in_use_must_be_pinned(edit_manifest, kind):
    names = []

    def unlist(document):
        names.append(document["encoders"]["rna"][kind])
        del document["files"][names[0]]

    with pytest.raises(IntegrityError, match="without its sha256; do not use this space") as caught:
        open_space(edit_manifest(unlist))
    assert names[0] in str(caught.value)


def test_reference_must_be_pinned(edit_manifest):
    with pytest.raises(IntegrityError, match="without its sha256"):
        open_space(edit_manifest(lambda document: document["files"].pop(document["reference"]["points"])))


@pytest.mark.parametrize("path", ["../points.safetensors", "/tmp/points.safetensors"])
def test_file_in_use_must_be_inside_the_space(edit_manifest, path):
    with pytest.raises(SpaceError):
        open_space(edit_manifest(lambda document: document["reference"].update(points=path)))


def test_needed_file_is_required_even_in_the_training_folder(edit_manifest):
    def move(document):
        document["files"]["training/points.safetensors"] = document["files"].pop(document["reference"]["points"])
        document["reference"]["points"] = "training/points.safetensors"

    with pytest.raises(IntegrityError, match="is missing"):
        open_space(edit_manifest(move))


def test_missing_directory_is_rejected(tmp_path):
    with pytest.raises(SpaceNotFoundError, match="does not exist"):
        open_space(tmp_path / "none")


def test_format_version_is_checked_before_files(edit_manifest):
    copy = edit_manifest(lambda document: document.update(format_version=document["format_version"] + 1))
    (copy / "README.md").unlink()
    with pytest.raises(FormatVersionError):
        open_space(copy)


def test_error_lists_the_known_modalities(space):
    with pytest.raises(UnknownModalityError, match="space pbmc has no 'atac' encoder; it has: rna"):
        space.encoder("atac")


def test_modality_is_required_if_there_are_several(edit_manifest):
    def duplicate(document):
        document["encoders"]["activity"] = document["encoders"]["rna"]

    space = open_space(edit_manifest(duplicate))
    with pytest.raises(UnknownModalityError, match=r"several encoders: .*; choose one \(modality\)$") as caught:
        space.encoder()
    assert "rna" in str(caught.value)
    assert "activity" in str(caught.value)
    assert space.encoder("activity").modality == "activity"


def test_number_of_features_must_match(edit_manifest):
    space = open_space(edit_manifest(lambda document: document["encoders"]["rna"].update(n_features=7)))
    with pytest.raises(IntegrityError, match=r"features/rna\.tsv has .* features, but the manifest says 7"):
        space.encoder()


def test_space_without_encoders_is_rejected(edit_manifest):
    with pytest.raises(SmileError):
        open_space(edit_manifest(lambda document: document["encoders"].clear())).encoder()


@pytest.mark.parametrize("change", ["labels", "columns", "n_latent"])
def test_manifest_that_contradicts_its_files_is_rejected(edit_manifest, counts, change):
    def contradict(document):
        columns = document["reference"]["label_columns"]
        if change == "labels":
            columns[0].update(labels=columns[0]["labels"][:1], parents=columns[0]["parents"][:1])
        elif change == "columns":
            columns[0].update(within=None, parents=[])
            del columns[1]
        else:
            document["encoders"]["rna"]["n_latent"] = 64

    copy = edit_manifest(contradict)
    with pytest.raises(SpaceError):
        project(counts, open_space(copy))


def pin_again(copy: Path, name: str) -> Path:
    """Update the digest of a changed file, as the publisher of a space could."""
    document = json.loads((copy / "config.json").read_text("utf-8"))
    document["files"][name] = {"sha256": sha256_file(copy / name), "size": (copy / name).stat().st_size}
    (copy / "config.json").write_text(json.dumps(document), "utf-8")
    return copy


@pytest.mark.parametrize("array", ["embedding", "weight", "map", "label", "modality"])
def test_reference_without_an_array_is_rejected(pbmc_copy, array):
    name = read_manifest(pbmc_copy).reference.points
    arrays = load_file(pbmc_copy / name)
    del arrays[array]
    save_file(arrays, pbmc_copy / name)
    with pytest.raises(IntegrityError, match=f"holds no reference: '{array}'"):
        _ = open_space(pin_again(pbmc_copy, name)).reference


@pytest.mark.parametrize("array", ["weight", "map", "label", "modality"])
def test_reference_with_unequal_lengths_is_rejected(pbmc_copy, array):
    name = read_manifest(pbmc_copy).reference.points
    arrays = load_file(pbmc_copy / name)
    arrays[array] = arrays[array][:-1]
    save_file(arrays, pbmc_copy / name)
    with pytest.raises(IntegrityError, match="unequal length"):
        _ = open_space(pin_again(pbmc_copy, name)).reference


def test_reference_whose_labels_contradict_their_hierarchy_is_rejected(pbmc_copy):
    name = read_manifest(pbmc_copy).reference.points
    arrays = load_file(pbmc_copy / name)
    arrays["label"][0, 1] = (arrays["label"][0, 1] + 1) % 7
    save_file(arrays, pbmc_copy / name)
    with pytest.raises(IntegrityError, match="labels of 'cell_type' outside of their 'cell_type_broad'"):
        _ = open_space(pin_again(pbmc_copy, name)).reference


def test_reference_with_an_unlabeled_point_is_rejected(pbmc_copy):
    name = read_manifest(pbmc_copy).reference.points
    arrays = load_file(pbmc_copy / name)
    arrays["label"][0, 0] = -1
    save_file(arrays, pbmc_copy / name)
    with pytest.raises(IntegrityError, match="points without a label of 'cell_type'"):
        _ = open_space(pin_again(pbmc_copy, name)).reference


def test_damaged_reference_is_rejected(pbmc_copy):
    name = read_manifest(pbmc_copy).reference.points
    (pbmc_copy / name).write_bytes(b"no safetensors at all")
    with pytest.raises(IntegrityError, match="holds no reference"):
        _ = open_space(pin_again(pbmc_copy, name)).reference
