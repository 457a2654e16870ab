"""What a name stands for: a space of the catalogue, a repo of the Hub, or a directory."""

import json
from pathlib import Path

import pytest

import smile_zoo.catalogue
from smile_runtime import SpaceNotFoundError
from smile_zoo.hub.repo_id import is_repo
from smile_zoo.transfer.space_name import HubSpace, LocalSpace, parse_name

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LINE = json.loads(smile_zoo.catalogue.PACKAGED_CATALOGUE.read_text("utf-8").splitlines()[0])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def blood(home: Path) -> str:
    """A space that a newer catalogue brought; return the sha256 of its manifest."""
    entry = {**LINE, "name": "blood", "repo": "org/blood", "revision": COMMIT, "manifest_sha256": "a" * 64}
    path = home / "smile-zoo/catalogue.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(entry) + "\n", "utf-8")
    return "a" * 64


def refused(name: str) -> str:
    with pytest.raises(SpaceNotFoundError) as caught:
        parse_name(name)
    return str(caught.value)


def test_catalogue_name_wins_over_a_directory_of_that_name(folder: Path) -> None:
    (folder / "pbmc").mkdir()
    space = parse_name("pbmc")
    assert isinstance(space, LocalSpace)
    assert space.packaged
    assert space.path.parts[-2:] == ("spaces", "pbmc")
    assert parse_name("./pbmc") == LocalSpace(Path("./pbmc"))


def test_name_of_the_catalogue_is_one_commit_and_one_manifest(blood: str) -> None:
    assert parse_name("blood") == HubSpace("org/blood", COMMIT, blood)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("./mine", "mine"),
        ("../mine", "../mine"),
        ("/data/mine", "/data/mine"),
        ("~/mine", "HOME/mine"),
        (".", "."),
        ("..", ".."),
        ("./org/name@v1", "org/name@v1"),
        (Path("org/name"), "org/name"),
        (Path("pbmc"), "pbmc"),
        ("C:\\data\\mine", "C:\\data\\mine"),
    ],
)
def test_directory(name: str | Path, path: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert parse_name(name) == LocalSpace(Path(path.replace("HOME", str(folder))))


@pytest.mark.parametrize(
    ("name", "repo", "revision", "commit"),
    [
        ("org/name", "org/name", "main", None),
        ("org/name@v1", "org/name", "v1", None),
        ("org/name@refs/pr/1", "org/name", "refs/pr/1", None),
        ("a-b_c.d/e.f-g_h", "a-b_c.d/e.f-g_h", "main", None),
        (f"org/name@{COMMIT}", "org/name", COMMIT, COMMIT),
        (f"org/name@{COMMIT[:10]}", "org/name", COMMIT[:10], None),
        (f"org/name@{COMMIT.upper()}", "org/name", COMMIT.upper(), None),
    ],
)
def test_repo(name: str, repo: str, revision: str, commit: str | None) -> None:
    space = parse_name(name)
    assert space == HubSpace(repo, revision)
    assert space.commit == commit
    assert str(space) == f"{repo}@{revision}"


@pytest.mark.parametrize(
    "name",
    ["org/name/more", "org/", "-org/name", "org/na me", "org/name@", "org/name@v1@v2", "org/name@v 1", "örg/na:me"],
)
def test_what_has_a_slash_and_is_no_repo(name: str) -> None:
    error = refused(name)
    assert error.startswith(f"{name!r} is not a space name; give a catalogue name (smile-zoo list), a Hub repo (org/")
    assert f"a directory (./{name})" in error


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pmbc", "there is no space named 'pmbc'; did you mean pbmc? give a catalogue name"),
        ("bloods", "there is no space named 'bloods'; did you mean blood?"),
        ("heart", "there is no space named 'heart'; the catalogue has: blood, bone-marrow-atac, mouse-"),
        ("pbmc@v1", "there is no space named 'pbmc@v1'; only a Hub repo takes a revision; give"),
        ("mine", "there is no space named 'mine'; for the directory of that name write ./mine; give"),
        ("", "there is no space named ''"),
    ],
)
def test_unknown_name_is_refused_with_what_to_type(folder: Path, blood: str, name: str, text: str) -> None:
    (folder / "mine").mkdir()
    assert text in refused(name)


def test_directory_that_could_be_a_repo(folder: Path) -> None:
    for name in ("org/name", "org/deep/name"):
        (folder / name).mkdir(parents=True)
    assert refused("org/name") == (
        "'org/name' could be a directory here or a repo on the Hub; write ./org/name for the directory, "
        "org/name@main for the repo"
    )
    assert parse_name("org/name@main") == HubSpace("org/name")
    assert "for the directory of that name write ./org/deep/name; give" in refused("org/deep/name")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("org/name", True), ("org/name@v1", False), ("name", False), ("org/name\n", False), ("a/b/c", False)],
)
def test_is_repo(name: str, is_one: bool) -> None:
    assert is_repo(name) is is_one


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("оrg/name", r"'\u043e' (U+043E CYRILLIC SMALL LETTER O)"),
        ("org/nаme", r"'\u0430' (U+0430 CYRILLIC SMALL LETTER A)"),
        ("ｏrg/name", r"'\uff4f' (U+FF4F FULLWIDTH LATIN SMALL LETTER O)"),
        ("org/na\u200bme", r"'\u200b' (U+200B ZERO WIDTH SPACE)"),
        ("org/name@vа", r"'\u0430' (U+0430 CYRILLIC SMALL LETTER A)"),
        ("org/na\0me", r"'\x00' (U+0000)"),
        ("pbmс", r"'\u0441' (U+0441 CYRILLIC SMALL LETTER ES)"),
        ("org／name", r"'\uff0f' (U+FF0F FULLWIDTH SOLIDUS)"),
        ("org/na--me", "it contains '--', which the Hub does not allow"),
        ("org/na..me", "it contains '..', which the Hub does not allow"),
        ("org/.name", "a part of it begins or ends with '-' or '.'"),
        ("org./name", "a part of it begins or ends with '-' or '.'"),
        ("org/name.git", "it ends in '.git'"),
        (f"org/{'x' * 100}", "it has 104 characters; at most 96 are allowed"),
        (f"org/{'x' * 5000}", "it has 5,004 characters; at most 96 are allowed"),
        ("org/name@v..1", "its revision contains '..'"),
        ("org/name@v1.lock", "its revision contains '..', or ends in '.' or '.lock'"),
        (f"org/name@{'v' * 201}", "its revision has 201 characters"),
    ],
)
def test_name_that_looks_like_another_is_refused(name: str, text: str) -> None:
    error = refused(name)
    assert f"As the name of a repo, {text}" in error or f"As the name of a repo, it contains {text}" in error
    assert len(error) < 700
    assert not is_repo(name.partition("@")[0]) or "@" in name


@pytest.mark.parametrize("name", ["org/name@a//b", "org/name@a/", "org/name@/a", "org/name@a/.b", "org/name@"])
def test_revision_that_is_no_path_of_a_ref(name: str) -> None:
    assert "is not a space name" in refused(name)
