"""The manifest is read strictly, and an invalid one is rejected with a reason."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from smile_runtime import (
    FormatVersionError,
    IntegrityError,
    SpaceError,
    SpaceNotFoundError,
    open_space,
    read_manifest,
)
from smile_runtime.manifest import (
    FORMAT_VERSION,
    MAX_MANIFEST_BYTES,
    encode_manifest,
    file_name_problem,
    is_finer_level,
    order_by_level,
    parse_manifest,
    undetermined_labels,
)


@pytest.fixture(scope="module")
def content(pbmc_path: Path) -> bytes:
    return (pbmc_path / "config.json").read_bytes()


@pytest.fixture
def document(content: bytes) -> dict:
    return json.loads(content)


def parse(document: object):
    return parse_manifest(json.dumps(document).encode(), "here/config.json")


def test_round_trip_changes_no_byte(content):
    manifest = parse_manifest(content, "config.json")
    assert encode_manifest(manifest) == content
    assert parse_manifest(encode_manifest(manifest), "config.json") == manifest


def test_manifest_matches_the_file(content, document):
    manifest = parse_manifest(content, "config.json")
    assert manifest.name == "pbmc"
    assert set(manifest.files) == set(document["files"])
    assert (
        manifest.encoders["rna"].preprocessing.target_sum == document["encoders"]["rna"]["preprocessing"]["target_sum"]
    )
    names = [column["name"] for column in document["reference"]["label_columns"]]
    assert [column.name for column in manifest.reference.label_columns] == names
    assert names == ["cell_type", "cell_type_broad", "cell_type_fine"]


def test_manifest_is_immutable(content):
    with pytest.raises(AttributeError):
        parse_manifest(content, "config.json").name = "other"


def test_newer_format_version_is_rejected_with_the_upgrade_command(document):
    document["format_version"] = FORMAT_VERSION + 1
    document["a_future_field"] = 1
    document["versions"]["smile-zoo"] = "9.0"
    with pytest.raises(FormatVersionError) as caught:
        parse(document)
    assert "was written by a newer version of smile-zoo (it states '9.0', this is '" in str(caught.value)
    assert f"format version {FORMAT_VERSION + 1}, this release reads version {FORMAT_VERSION}" in str(caught.value)
    assert "pip install -U smile-zoo" in str(caught.value)
    assert str(caught.value).startswith("here/config.json")


def test_older_format_version_is_rejected_without_the_upgrade_command(document):
    document["format_version"] = FORMAT_VERSION - 1
    with pytest.raises(FormatVersionError, match="pull the space again, or train it again: smile-zoo train") as caught:
        parse(document)
    assert "pip install" not in str(caught.value)


@pytest.mark.parametrize("version", [1, 99])
def test_other_format_is_rejected(document, version):
    with pytest.raises(SpaceError):
        parse({**document, "format": "other-space", "format_version": version})


def test_unknown_field_is_rejected(document):
    document["encoders"]["rna"]["surprise"] = 1
    document["versions"]["smile-zoo"] = "0.0.9\n"
    with pytest.raises(FormatVersionError, match="surprise") as caught:
        parse(document)
    written = r"here/config.json was written by a different version of smile-zoo (it states '0.0.9\n', this is '"
    assert str(caught.value).startswith(written)
    assert "upgrade with: pip install -U smile-zoo, or pull or build the space again" in str(caught.value)


def test_missing_field_is_rejected(document):
    del document["reference"]["points"]
    document["versions"]["smile-zoo"] = "0.0.9"
    with pytest.raises(FormatVersionError, match="points"):
        parse(document)


def test_other_fields_than_this_release_writes_under_its_own_version_are_no_other_version(document):
    document["versions"]["smile-zoo"] = metadata.version("smile-zoo")
    document["metrics"][0]["leda"] = [0.1, 0.2]
    with pytest.raises(SpaceError, match="is not a smile-zoo manifest: Object contains unknown field `leda`") as caught:
        parse(document)
    assert not isinstance(caught.value, FormatVersionError)


def test_a_lead_that_ends_before_it_begins_is_rejected(document):
    document["metrics"][0]["lead"] = [0.2, 0.1]
    with pytest.raises(SpaceError, match=r"states a lead from 0\.2 to 0\.1 in "):
        parse(document)


@pytest.mark.parametrize("value", ["pickle", None, 3])
def test_unknown_scaling_is_rejected(document, value):
    document["encoders"]["rna"]["preprocessing"]["scaling"] = value
    with pytest.raises(SpaceError, match=r"preprocessing\.scaling"):
        parse(document)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_json_is_rejected(content, share):
    with pytest.raises(SpaceError, match=r"here/config\.json is not a smile-zoo manifest") as caught:
        parse_manifest(content[: int(len(content) * share)], "here/config.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b'"config"', b"<html>not found</html>", b"\x89PNG\r\n"])
def test_content_other_than_an_object_is_rejected(text):
    with pytest.raises(SpaceError, match="is not a smile-zoo manifest"):
        parse_manifest(text, "config.json")


def test_encoding_other_than_utf8_is_rejected():
    with pytest.raises(SpaceError):
        parse_manifest('{"format": "café"}'.encode("latin-1"), "config.json")


def test_deep_nesting_is_rejected():
    with pytest.raises(SpaceError):
        parse_manifest(b'{"recipe":' + b"[" * 100_000, "config.json")


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "onnx/../../outside.onnx",
        "..",
        "/etc/passwd.json",
        "onnx\\rna.onnx",
        "..\\outside.json",
        "training/rna.pt",
        "training/rna.pkl",
        "weights.safetensors.bin",
        "run.py",
        "script",
        ".json",
        "",
    ],
)
def test_files_outside_the_space_or_of_other_types_are_rejected(document, name):
    document["files"][name] = {"sha256": "0" * 64, "size": 1}
    with pytest.raises(SpaceError, match="do not use this space") as caught:
        parse(document)
    assert repr(name) in str(caught.value)
    assert not isinstance(caught.value, IntegrityError)


def test_missing_directory_and_missing_manifest_have_different_messages(tmp_path):
    with pytest.raises(SpaceNotFoundError, match=f"{tmp_path / 'none'} does not exist"):
        read_manifest(tmp_path / "none")
    with pytest.raises(SpaceNotFoundError, match=r"is not a space directory: it has no config\.json"):
        read_manifest(tmp_path)


def test_error_names_the_file(pbmc_copy):
    (pbmc_copy / "config.json").write_text("{")
    with pytest.raises(SpaceError, match=str(pbmc_copy / "config.json")):
        read_manifest(pbmc_copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda fine, _: fine.update(within="tissue"),
        lambda fine, _: fine.update(within=None),
        lambda fine, _: fine.update(parents=fine["parents"][1:]),
        lambda fine, _: fine["parents"].__setitem__(0, 7),
        lambda fine, _: fine["parents"].__setitem__(0, -2),
        lambda fine, broad: broad.update(name=fine["name"]),
        lambda _, broad: broad.update(within="cell_type", parents=[0] * 7),
    ],
)
def test_label_columns_that_do_not_nest_are_rejected(document, change):
    change(*document["reference"]["label_columns"][:2])
    with pytest.raises(SpaceError, match=r"label column '.*' that is repeated or does not nest within"):
        parse(document)


def test_a_column_may_be_finer_than_the_primary_one(document):
    columns = document["reference"]["label_columns"]
    del columns[2:]  # the primary column and a coarser one stay
    names = columns[0]["labels"]
    finer = {"name": "finer", "labels": [*names, "naive"], "within": "cell_type"}
    columns.append({**finer, "parents": [*range(len(names)), 0]})
    read = parse(document).reference.label_columns
    assert order_by_level(read) == [1, 0, 2]
    assert [is_finer_level(column, read) for column in read] == [False, False, True]
    assert undetermined_labels(read)[2] == [True] + [False] * len(names)  # no other type has finer labels
    assert not any(undetermined_labels(read)[0] + undetermined_labels(read)[1])
    columns.append({**finer, "name": "finest", "parents": [*range(len(names)), 0], "within": "finer"})
    assert len(parse(document).reference.label_columns) == 4
    columns[2:] = columns[:1:-1]  # finer levels are listed from coarse to fine
    with pytest.raises(SpaceError, match="'finest' that is repeated or does not nest within 'finer'"):
        parse(document)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("reference.n_neighbors", 10**6, "1,000,000 neighbors of 1,000 points"),
        ("reference.n_points", 10**12, r"`int` <= 2147483648 - at `\$\.reference\.n_points`, which is 1000000000000;"),
        ("reference.n_cells", -1, r"which is -1;"),
        ("reference.label_columns.0.labels.1", "", "which is ''"),
        ("reference.label_columns.0.labels.1", "B", "'B' twice"),
        ("reference.label_columns.0.labels.1", "B\x1b[31m", "labels"),
        ("reference.label_columns.0.name", "a/b", r"label_columns\[0\]\.name"),
        ("reference.modalities", [], "modalities"),
        ("encoders.rna.n_latent", 0, "encoders"),
        ("encoders.rna.voters", ["adt"], r"the voters \['adt'\] among the modalities \['rna'\]"),
        ("encoders.rna.voters", [], "the voters"),
        ("encoders.rna.min_matched", 1.5, "encoders"),
        ("encoders.rna.stress", [{"kind": "age"}], r"Invalid enum value 'age' - at `\$\.encoders\[\.\.\.\]\.stress"),
        ("encoders.rna.preprocessing.target_sum", 0.0, "encoders"),
        ("encoders.rna.calibrations.cell_type.probability.0", 1.5, "`float` <= 1"),
        ("encoders.rna.calibrations.cell_type.evidence.0", 99.0, "evidence of 'cell_type' that decrease from 99 to"),
        ("encoders.rna.calibrations.cell_type.evidence", [0.5], r"1 values of evidence and \d+ probabilities of 'cell"),
        ("encoders.rna.calibrations.cell_type.weights.vote", "much", "weights"),
        ("encoders.rna.similarity.quantiles.0", 99.0, "quantiles of dissimilarity that decrease from 99 to"),
        ("encoders.rna.similarity.quantiles", [], "length"),
        ("encoders.rna.similarity.dissimilarity", None, "a confidence by evidence that is not computed"),
        ("encoders.rna.similarity.dissimilarity.log_detected", [5.0, 1.0], "a range from 5 to 1"),
        ("encoders.rna.similarity.dissimilarity.surprise.spread", 0.0, "spread"),
        ("encoders.rna.similarity.dissimilarity.surprise.coefficients", [0.0], "length"),
        ("files.map\x07.png", {"sha256": "0" * 64, "size": 1}, r"lists 'map\\x07\.png'"),
        ("files", {"map.png": {"sha256": "x", "size": 1}}, "files"),
        ("files", {"map.png": {"sha256": "0" * 64, "size": 10**30}}, "files"),
        ("title", "PBMC\nall of them", r"at `\$\.title`, which is 'PBMC\\nall of them';"),
        ("title", "\u202ePBMC", "title"),
        ("organism", "Homo\x00sapiens", "organism"),
        ("name", "../pbmc", "which is '../pbmc'"),
    ],
)
def test_impossible_values_are_rejected_by_name(document, field, value, message):
    *path, last = field.split(".") if not field.startswith("files.") else ("files", field[6:])
    node = document
    for step in path:
        node = node[int(step)] if isinstance(node, list) else node[step]
    node[int(last) if isinstance(node, list) else last] = value
    with pytest.raises(SpaceError, match=message) as caught:
        parse(document)
    assert str(caught.value).startswith("here/config.json ")
    assert str(caught.value).isprintable()


def test_intended_use_may_be_absent(document):
    document.pop("intended_use", None)
    assert not parse(document).intended_use
    document["intended_use"] = "Label immune cells"
    assert parse(document).intended_use == "Label immune cells"


def test_terms_may_be_absent_and_are_ids_of_the_cell_ontology(document):
    document.pop("ontology", None)
    assert not parse(document).ontology
    assert parse({**document, "ontology": {"B": "CL:0000236"}}).ontology == {"B": "CL:0000236"}
    with pytest.raises(SpaceError, match="ontology"):
        parse({**document, "ontology": {"B": "B cell"}})


def test_description_may_have_several_lines(document):
    assert parse({**document, "description": "Two\nlines."}).description == "Two\nlines."


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("/etc/x.json", "is not a path inside the folder"),
        ("a/../../x.json", "is not a path inside the folder"),
        ("./x.json", "is not a path inside the folder"),
        ("a//x.json", "is not a path inside the folder"),
        ("", "is not a path inside the folder"),
        ("a\\x.json", "contains a control character, a backslash or a colon"),
        ("C:x.json", "contains a control character, a backslash or a colon"),
        ("x\0.json", "contains a control character"),
        ("x\x1b[2J.json", "contains a control character"),
        ("x\u202enosj.json", "contains a control character"),
        ("nul.json", "is the name of a device on Windows"),
        ("a/COM1.tar.json", "is the name of a device on Windows"),
        ("aux /x.json", "is the name of a device on Windows"),
        ("a./x.json", "is the name of a device on Windows, or ends in a dot or space"),
    ],
)
def test_unsafe_file_name_is_rejected(document, name, problem):
    assert file_name_problem(name).startswith(problem)
    document["files"][name] = {"sha256": "0" * 64, "size": 1}
    with pytest.raises(SpaceError, match="inside its own folder; do not use this space"):
        parse(document)


@pytest.mark.parametrize("name", ["config.json", "onnx/rna.int8.onnx", "console.md", "a b/c-d_e.tsv", "é.json"])
def test_safe_file_name_is_accepted(name):
    assert file_name_problem(name) == ""


def test_large_manifest_is_rejected(content):
    with pytest.raises(SpaceError, match=r"config\.json has more than 20,000,000 bytes, which no manifest needs"):
        parse_manifest(content + b" " * MAX_MANIFEST_BYTES, "config.json")


@pytest.fixture
def imputing(imputing_copy: Path) -> dict:
    """The manifest of a space that imputes surface proteins."""
    return json.loads((imputing_copy / "config.json").read_text("utf-8"))


def test_features_are_imputed_if_they_are_predicted_better_than_by_their_mean(imputing):
    (record,) = parse(imputing).imputations
    assert [feature.id for feature in record.predicted] == ["CD3", "CD19"]
    imputing["imputations"][0]["features"][0]["correlation"] = -0.1
    (record,) = parse(imputing).imputations
    assert [feature.id for feature in record.predicted] == ["CD19"]


def test_expected_values_are_pulled_with_the_encoder_of_the_query(imputing):
    imputing["encoders"]["adt"] = json.loads(
        json.dumps(imputing["encoders"]["rna"]).replace("/rna.", "/adt.").replace("profiles/rna", "profiles/adt")
    )
    for name in [name for name in imputing["files"] if "/rna." in name]:
        imputing["files"][name.replace("/rna.", "/adt.")] = imputing["files"][name]
    manifest, name = parse(imputing), "reference/adt_from_rna.safetensors"
    assert name in manifest.select()
    assert name in manifest.select(["rna"])
    assert name not in manifest.select(["adt"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: records.append(records[0]), "expected values of adt from rna twice"),
        (lambda records: records[0].update(modality_from="atac"), "values of adt from atac, which has no encoder"),
        (lambda records: records[0].update(features=records[0]["features"][1:2]), "of which no feature is predicted"),
        (lambda records: records[0]["features"].append(records[0]["features"][0]), "'CD3' twice in adt from rna"),
        (lambda records: records[0].update(features=[]), "length >= 1"),
    ],
)
def test_expected_values_that_contradict_the_manifest_are_refused(imputing, change, message):
    change(imputing["imputations"])
    with pytest.raises(SpaceError, match=message):
        parse(imputing)


def test_expected_values_without_a_digest_are_refused(imputing_copy, imputing):
    del imputing["files"]["reference/adt_from_rna.safetensors"]
    (imputing_copy / "config.json").write_text(json.dumps(imputing), "utf-8")
    with pytest.raises(IntegrityError, match=r"uses reference/adt_from_rna\.safetensors without its sha256"):
        open_space(imputing_copy, device="cpu")


CURVE = {"evidence": [0.2, 0.9], "probability": [0.1, 0.8], "expected_calibration_error": 0.02, "n_cells": 40}


@pytest.fixture
def joining(document) -> dict:
    """The manifest of a space that joins two modalities."""
    document["encoders"]["adt"] = document["encoders"]["rna"]
    record = {"modalities": ["rna", "adt"], "weights": [0.9, 0.4], "calibrations": {"cell_type": CURVE}, "n_cells": 40}
    return {**document, "joints": [record]}


def test_weights_tell_whether_modalities_are_pooled(joining):
    (record,) = parse(joining).joints
    assert (record.name, record.is_pooled, record.leading) == ("rna+adt", True, 0)
    joining["joints"][0]["weights"] = [0.0, 1.0]
    (record,) = parse(joining).joints
    assert (record.is_pooled, record.leading) == (False, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modalities": ["adt", "rna"]}, r"weights of adt\+rna, which are not encoders in the order rna, adt"),
        ({"modalities": ["rna", "atac"]}, r"weights of rna\+atac, which are not encoders"),
        ({"modalities": ["rna", "rna"]}, r"weights of rna\+rna, which are not encoders"),
        ({"weights": [0.0, 0.0]}, r"the weights \[0.0, 0.0\] of rna\+adt"),
        ({"weights": [0.1, 0.2, 0.3]}, "the weights"),
        ({"weights": [-1.0, 2.0]}, "weights"),
        ({"calibrations": {"cell_type": {**CURVE, "probability": [0.8, 0.1]}}}, "decrease from 0.8 to 0.1"),
    ],
)
def test_weights_that_contradict_the_encoders_are_rejected(joining, change, message):
    joining["joints"][0] |= change
    with pytest.raises(SpaceError, match=message):
        parse(joining)


def test_weights_of_the_same_modalities_are_stated_once(joining):
    joining["joints"] *= 2
    with pytest.raises(SpaceError, match=r"weights of rna\+adt twice"):
        parse(joining)
