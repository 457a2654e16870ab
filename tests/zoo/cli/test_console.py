"""What the commands print, of text that others wrote."""

import json
import logging
import re

import pytest

from smile_zoo.cli.console import json_text, message_text, print_json, print_table, terminal_text
from smile_zoo.cli.main import _terminal_record

EVIL = "a\x1b[2J\u202eb\u200bc\r\nError: forged\x9b1m\0"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e]")


def test_text_is_one_line():
    assert terminal_text(EVIL) == r"a\x1b[2J\u202eb\u200bc Error: forged\x9b1m\x00"


def test_only_lists_have_lines():
    assert message_text("two:\n- a\n- b\nError: forged") == "two:\n- a\n- b Error: forged"


def test_table_keeps_its_rows(capsys):
    print_table(["NAME", "SIZE"], [[EVIL, 1], ["x\n- y", 22]])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert not CONTROL.search("".join(lines))


def test_json_keeps_its_meaning(capsys):
    value = {EVIL: [EVIL, "é", "\U000e0041", "no\u00a0break"]}
    print_json(value)
    shown = capsys.readouterr().out
    assert not CONTROL.search(shown)
    assert json.loads(shown) == value
    assert json.loads(json_text(json.dumps("\udcff", ensure_ascii=False))) == "\udcff"


def test_log_of_any_library_is_one_line():
    record = _terminal_record("huggingface_hub", logging.WARNING, "file", 1, "%s", (EVIL,), None)
    assert record.getMessage() == terminal_text(EVIL)


@pytest.mark.parametrize("command", ["list", "show", "search"])
def test_titles_of_others_reach_no_terminal(machine, catalogue, pbmc, hub, command):
    catalogue({"name": "mine", "title": EVIL, "tissue": EVIL, "repo": "org/pbmc", "revision": "a" * 40})
    hub.create("org/evil", pbmc.changed(change=lambda manifest: manifest.update(title=EVIL, name=EVIL)))
    refused = command == "show"  # no manifest may hold such text
    arguments = {"list": ["list"], "show": ["show", "org/evil"], "search": ["search", "--hub", "evil"]}[command]
    for more in ([], ["--json"]):
        done = machine.run(*arguments, *more)
        assert done.returncode == int(refused)
        assert not CONTROL.search(done.stdout + done.stderr)
        assert "\nError: forged" not in done.stdout + done.stderr


def test_errors_about_others_reach_no_terminal(machine, pbmc, hub):
    hub.create("org/evil", pbmc.changed(change=lambda manifest: manifest.update(name=EVIL)))
    done = machine.run("pull", "org/evil", "--modality", "none")
    assert done.returncode == 1
    assert not CONTROL.search(done.stderr)
    assert done.stderr.splitlines()[-1].startswith("Error: org/evil@")
    assert r"which is 'a\x1b[2J\u202eb\u200bc\r\nError: forged" in done.stderr
