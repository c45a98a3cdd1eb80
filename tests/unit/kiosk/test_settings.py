"""What a settings file may say, and the sentence for each mistake."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.settings import AppSettings, Settings, load
from mobility import SettingsError

VALID = """
data = "state"

[account]
jid = "lobby@kiosk.example"
password_file = "password"
name = "Lobby screen"

[[apps]]
uri = "https://example.org/apps/board"
path = "board"
"""

# what is replaced in VALID, by what, and what the sentence must say
INVALID = {
    "not TOML": ("data =", "data", "this is not TOML"),
    "unknown key": ("[account]", "colour = 1\n[account]", "no setting 'colour'"),
    "unknown key of a table": ("name =", "nmae =", "no setting 'nmae'"),
    "unknown key of an app": ("uri =", "url =", r"number 1: there is no setting 'url'"),
    "wrong type": ('"Lobby screen"', "7", "name must be text in quotes"),
    "table is no table": ("[account]", "[[account]]", "account must be a table"),
    "password in the file": ("password_file", "password", "does not belong in this"),
    "no jid": ('jid = "lobby@kiosk.example"', "", "jid is missing"),
    "jid without a name": ("lobby@", "", "must look like lobby@kiosk.example"),
    "jid with a space": ("lobby@", "lob by@", "must look like lobby@kiosk.example"),
    "no name": ('name = "Lobby screen"', "", "name is missing"),
    "blank name": ("Lobby screen", "  ", "name is missing"),
    "no data": ('data = "state"', "", "data is missing"),
    "no password file": ('"password"', '"elsewhere"', "is not a readable file"),
    "no password at all": ('password_file = "password"', "", "there is no password"),
    "no folder": ('"board"', '"bored"', "is not a folder with an index.html"),
    "no app": ("[[apps]]", "[unknown]", "no setting 'unknown'"),
    "app is no table": ("[[apps]]", "[apps]", "apps must be a list of tables"),
    "ca_file": ("[[apps]]", '[server]\nca_file = "x"\n[[apps]]', "not a readable file"),
    "port": ("[[apps]]", "[server]\nport = 0\n[[apps]]", "from 1 to 65535, not 0"),
    "port is true": ("[[apps]]", "[server]\nport = true\n[[apps]]", "a whole number"),
    "idle": ("[[apps]]", "[limits]\nidle = 1\n[[apps]]", "from 20 to 86400, not 1"),
    "listen": ("[[apps]]", '[page]\nlisten = "kiosk"\n[[apps]]', "address and a port"),
    "listen port": ("[[apps]]", '[page]\nlisten = "::1:x"\n[[apps]]', "and a port"),
    "listen to all": (
        "[[apps]]",
        '[page]\nlisten = "0.0.0.0:8088"\n[[apps]]',
        "can be reached from other machines",
    ),
    "schema": ("path =", "schema = 0\npath =", "schema must be from 1"),
    "same app twice": (
        "[[apps]]",
        '[[apps]]\nuri = "https://example.org/apps/board"\npath = "board"\n[[apps]]',
        "two [[apps]] have the uri",
    ),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "index.html").touch()
    (tmp_path / "password").write_text("secret-canary\n")
    (tmp_path / "password").chmod(0o600)
    path = tmp_path / "kiosk.toml"
    path.write_text(VALID)
    return path


def test_a_short_file_is_enough_and_its_paths_start_at_its_folder(file: Path) -> None:
    folder = file.parent
    assert load(file, {}) == Settings(
        jid="lobby@kiosk.example",
        password="secret-canary",
        name="Lobby screen",
        data=folder / "state",
        apps=(AppSettings("https://example.org/apps/board", folder / "board"),),
    )


def test_a_long_file_sets_everything(file: Path) -> None:
    (file.parent / "ca.pem").touch()
    file.write_text(
        'data = "/var/lib/kiosk"\n'
        "[account]\n"
        'jid = "lobby@kiosk.example/r1"\n'
        'name = "Lobby screen"\noperator = "Hotel Aurora"\nplace = "Ground floor"\n'
        '[page]\nlisten = "[::1]:0"\n'
        '[server]\nhost = "10.0.0.2"\nport = 5223\nca_file = "ca.pem"\n'
        "[limits]\nidle = 60\nlifetime = 600\ninvitation = 30\n"
        '[[apps]]\nuri = "urn:x"\npath = "board"\nschema = 3\nname = "Board"\n'
    )
    settings = load(file, {"MOBILITY_KIOSK_PASSWORD": "from-the-environment"})
    assert settings == Settings(
        jid="lobby@kiosk.example/r1",
        password="from-the-environment",
        name="Lobby screen",
        operator="Hotel Aurora",
        place="Ground floor",
        data=Path("/var/lib/kiosk"),
        apps=(AppSettings("urn:x", file.parent / "board", 3, "Board"),),
        listen=("::1", 0),
        host="10.0.0.2",
        port=5223,
        ca_file=file.parent / "ca.pem",
        idle=timedelta(seconds=60),
        lifetime=timedelta(seconds=600),
        invitation=timedelta(seconds=30),
    )


@pytest.mark.parametrize(("old", "new", "says"), INVALID.values(), ids=INVALID)
def test_a_mistake_is_a_sentence(file: Path, old: str, new: str, says: str) -> None:
    file.write_text(VALID.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert says in str(caught.value)
    assert str(file) in str(caught.value)
    assert "secret-canary" not in str(caught.value)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "kiosk.toml", {})


def test_a_password_that_everyone_can_read_is_refused(file: Path) -> None:
    (file.parent / "password").chmod(0o604)
    with pytest.raises(SettingsError, match="everyone on this machine can read"):
        load(file, {})


def test_other_machines_are_let_in_only_by_two_settings(file: Path) -> None:
    page = '[page]\nlisten = "0.0.0.0:8088"\nbeyond_loopback = true\n[[apps]]'
    file.write_text(VALID.replace("[[apps]]", page))
    assert load(file, {}).listen == ("0.0.0.0", 8088)  # noqa: S104


def test_the_repr_has_no_password(file: Path) -> None:
    assert "secret-canary" not in repr(load(file, {}))
