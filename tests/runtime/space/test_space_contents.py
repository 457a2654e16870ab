"""What a space holds is checked when it is read: the bytes that were verified, and values in their ranges."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from smile_runtime import IntegrityError, SpaceError, open_space, project
from smile_runtime.io.atomic_files import sha256_file

POINTS = "reference/points.safetensors"
USED = [
    "onnx/rna.onnx",
    "onnx/rna.trunk.onnx",
    "features/rna.tsv",
    "first/rna.safetensors",
    POINTS,
    "parity/rna.safetensors",
]


def pin_again(copy: Path, name: str) -> Path:
    """Make the sha256 of a changed file right again, as the author of a space could."""
    document = json.loads((copy / "config.json").read_text("utf-8"))
    document["files"][name] = {"sha256": sha256_file(copy / name), "size": (copy / name).stat().st_size}
    (copy / "config.json").write_text(json.dumps(document), "utf-8")
    return copy


@pytest.mark.parametrize("name", USED)
@pytest.mark.parametrize("change", ["one byte", "longer", "removed"])
def test_file_that_changes_after_opening_is_not_used(pbmc_copy, counts, name, change):
    space = open_space(pbmc_copy, device="cpu")
    content = bytearray((pbmc_copy / name).read_bytes())
    content[-2] ^= 1
    if change == "removed":
        (pbmc_copy / name).unlink()
    else:
        (pbmc_copy / name).write_bytes(bytes(content) + (b"0" if change == "longer" else b""))
    with pytest.raises(IntegrityError, match=f"{name} (was changed|has .* bytes|is missing)"):
        project(counts, space)
    assert list(counts.obs) == ["sample"]


def test_manifest_is_read_once(pbmc_copy, monkeypatch):
    reads = []
    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path.name) or read_bytes(path))
    space = open_space(pbmc_copy)
    assert reads.count("config.json") == 1
    assert space.manifest_sha256 == sha256_file(pbmc_copy / "config.json")


def odd(value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[3] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("embedding", odd(0), "embedding of length 0,"),
        ("embedding", odd(np.nan), "128 values of 'embedding' that are infinite or no numbers"),
        ("embedding", lambda array: array * np.float32(1.01), r"embedding of length 1\.01"),
        ("embedding", lambda array: np.random.default_rng(0).random(array.shape, np.float32), "embedding of length"),
        ("embedding", lambda array: array.astype(np.float64), "'embedding' of type float64, but float32 is needed"),
        ("embedding", lambda array: array[0], "of other shapes|other shapes than"),
        ("weight", odd(np.inf), "1 values of 'weight' that are infinite"),
        ("weight", odd(-1), "points without cells"),
        ("map", odd(np.nan), "2 values of 'map' that are infinite"),
        ("label", lambda array: odd(array[:, 0].max() + 1)(array), "points without a label of 'cell_type'"),
        ("label", lambda array: array.astype(np.int32), "'label' of type int32"),
        ("modality", odd(1), "points of an unknown modality"),
    ],
)
def test_reference_with_impossible_values_is_rejected(pbmc_copy, name, change, message):
    arrays = load_file(pbmc_copy / POINTS)
    arrays[name] = change(arrays[name])
    save_file(arrays, pbmc_copy / POINTS)
    with pytest.raises(IntegrityError, match=message) as caught:
        _ = open_space(pin_again(pbmc_copy, POINTS)).reference
    assert str(pbmc_copy / POINTS) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("first/rna.safetensors", "weight", "first/rna.safetensors holds 1 values of 'weight' that are infinite"),
        ("parity/rna.safetensors", "X", "parity/rna.safetensors holds 1 values of 'X' that are infinite"),
        ("parity/rna.safetensors", "embedding", "parity/rna.safetensors holds 1 values of 'embedding' that are"),
    ],
)
def test_infinite_weights_and_parity_rows_are_rejected(pbmc_copy, counts, name, array, message):
    arrays = load_file(pbmc_copy / name)
    arrays[array][2, 2] = np.inf
    save_file(arrays, pbmc_copy / name)
    with pytest.raises(IntegrityError, match=message):
        project(counts, open_space(pin_again(pbmc_copy, name), device="cpu"))


@pytest.mark.parametrize("name", ["first/rna.safetensors", "parity/rna.safetensors"])
def test_projection_needs_the_embedding_that_verify_needs(pbmc_copy, counts, name):
    """Weights that are valid but not those of the encoder are found whichever way the cells take."""
    arrays = load_file(pbmc_copy / name)
    for array in arrays.values():
        array *= np.float32(1.01)
    save_file(arrays, pbmc_copy / name)
    space = open_space(pin_again(pbmc_copy, name), device="cpu")
    counts.X = counts.X.toarray()
    with pytest.raises(IntegrityError, match="differ from torch's by"):
        project(counts, space)
    assert "X_smile" not in counts.obsm


def test_encoder_is_compared_with_torch_once(pbmc_path, counts, monkeypatch):
    space = open_space(pbmc_path, device="cpu")
    project(counts, space)
    monkeypatch.setattr("smile_runtime.space.space.check_parity", None)
    project(counts, space, overwrite=True)


def test_other_width_of_the_sparse_files_is_rejected(edit_manifest, counts):
    space = open_space(edit_manifest(lambda document: document["encoders"]["rna"]["sparse"].update(width=49)))
    with pytest.raises(SpaceError, match=r"arrays of shapes .*'axes': \(50, 9\).*, not .*'axes': \(49, 9\)"):
        project(counts, space)


def test_text_of_an_encoder_has_five_lines(pbmc_path):
    encoder = open_space(pbmc_path, device="cpu").encoder()
    lines = repr(encoder).splitlines()
    assert lines[0] == "Encoder rna"
    assert lines[1].startswith(f"  features: {encoder.record.n_features:,}, such as ")
    assert lines[2] == "  embedding: 128 dimensions"
    assert lines[3].startswith("  values: expression, scaled to ")
    assert lines[4].endswith("(float32), device cpu")
    assert len(lines) == 5


def test_text_of_a_space_has_five_lines(pbmc_path):
    space = open_space(pbmc_path, revision="packaged")
    lines, reference = repr(space).splitlines(), space.manifest.reference
    cells = f"{reference.n_cells:,} cells as {reference.n_points:,} landmarks"
    primary, broad, fine = (len(column.labels) for column in reference.label_columns)
    assert lines[0] == f"Space pbmc: {space.manifest.title}"
    assert lines[1:4] == [
        "  cells of: Homo sapiens, blood",
        "  encoders: rna (float32)",
        f"  reference: {cells}; labels: {primary} of cell_type, {broad} of cell_type_broad, {fine} of cell_type_fine",
    ]
    assert lines[4].startswith(f"  source: packaged, {pbmc_path}, manifest sha256 ")
    assert len(lines) == 5


def test_points_may_lack_a_label_only_in_further_columns(pbmc_copy):
    arrays = load_file(pbmc_copy / POINTS)
    arrays["label"][3, 1] = -1
    save_file(arrays, pbmc_copy / POINTS)
    with pytest.raises(IntegrityError, match="labels of 'cell_type' outside of their 'cell_type_broad'"):
        _ = open_space(pin_again(pbmc_copy, POINTS)).reference
    arrays["label"][3] = -1
    save_file(arrays, pbmc_copy / POINTS)
    with pytest.raises(IntegrityError, match="points without a label of 'cell_type'"):
        _ = open_space(pin_again(pbmc_copy, POINTS)).reference
