"""The settings file: what it may say, and the sentence for each mistake in it."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk.settings import settings as module
from kiosk.settings.keys import APP as APP_KEYS
from kiosk.settings.keys import BROWSER, Location, credential
from kiosk.settings.settings import AppSettings, Settings, load
from mobility import Coordinates, SettingsError, Spot

ACCOUNT = '[account]\njid = "lobby@kiosk.example"\nname = "Lobby"\n'
APP = '[[apps]]\nuri = "https://example.org/board"\npath = "app"\n'
BASE = f'data = "data"\n{ACCOUNT}'
RIGHT = BASE + APP
PASSWORD = {"MOBILITY_KIOSK_PASSWORD": "from the environment"}


def written(folder: Path, text: str | bytes) -> Path:
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "index.html").write_text("")
    (folder / "secret").write_text("from a file\nand a second line")
    (folder / "secret").chmod(0o600)
    (folder / "open").write_text("known to all")
    (folder / "open").chmod(0o644)
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    (folder / "binary").chmod(0o600)
    (folder / "ca.crt").write_text("")
    path = folder / "kiosk.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes) -> Settings:
    [display] = load(written(folder, text), PASSWORD).displays
    return display


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    assert read(tmp_path, RIGHT) == Settings(
        jid="lobby@kiosk.example",
        password="from the environment",
        name="Lobby",
        data=tmp_path / "data",
        apps=(AppSettings("https://example.org/board", tmp_path / "app"),),
        listen=("127.0.0.1", 8088),
        idle=timedelta(minutes=15),
        lifetime=timedelta(hours=4),
        invitation=timedelta(minutes=1),
    )


VALID = {
    '[page]\nlisten = "127.0.0.1:0"\n': ("listen", ("127.0.0.1", 0)),
    '[page]\nlisten = "[::1]:80"\n': ("listen", ("::1", 80)),
    '[page]\nlisten = "0.0.0.0:80"\nbeyond_loopback = true\n': (
        "listen",
        ("0.0.0.0", 80),  # noqa: S104 - that it is possible is what we test
    ),
    '[server]\nhost = "xmpp.example"\n': ("host", "xmpp.example"),
    "[server]\nport = 5223\n": ("port", 5223),
    "[limits]\nidle = 20\n": ("idle", timedelta(seconds=20)),
    "[limits]\nlifetime = 60\n": ("lifetime", timedelta(minutes=1)),
    "[limits]\ninvitation = 600\n": ("invitation", timedelta(minutes=10)),
    "[limits]\nscans = 600\n": ("scans", 600),
    "[location]\n": ("location", Location(Spot())),
    "[location]\nlat = -33\nlon = 151.2\n": (
        "location",
        Location(Spot(Coordinates(-33, 151.2))),
    ),
    '[location]\nroom = "Bar"\nin_use = "shown"\n': (
        "location",
        Location(Spot(room="Bar"), "shown"),
    ),
}


@pytest.mark.parametrize(("more", "expected"), VALID.items(), ids=repr)
def test_each_setting_is_read(
    tmp_path: Path, more: str, expected: tuple[str, object]
) -> None:
    name, value = expected
    assert getattr(read(tmp_path, BASE + more + APP), name) == value


def test_files_are_found_beside_the_settings(tmp_path: Path) -> None:
    text = f'{BASE}password_file = "secret"\n[server]\nca_file = "ca.crt"\n{APP}'
    settings = read(tmp_path, text)
    assert settings.password == "from a file"
    assert settings.ca_file == tmp_path / "ca.crt"


def app(**keys: str) -> str:
    lines = {"uri": '"https://example.org/board"', "path": '"app"', **keys}
    return "[[apps]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


# a file -> what the sentence says; `...` stands for the path of the file
INVALID = {
    "": ".../kiosk.toml, [account]: jid is missing.",
    "jid = ": ".../kiosk.toml: this is not TOML: ",
    b"\xff": ".../kiosk.toml: this is not TOML: ",
    RIGHT
    + "shape = 1": "[[apps]] number 1: there is no setting 'shape'. Known are uri",
    'jid = "a@b"\n' + RIGHT: "there is no setting 'jid'. Known are account, page",
    "account = 3": ".../kiosk.toml: account must be a table.",
    BASE.replace('"lobby@', '"') + APP: (
        "jid must look like lobby@kiosk.example, not 'kiosk.example'."
    ),
    BASE.replace("lobby@", "the lobby@")
    + APP: "jid must look like lobby@kiosk.example",
    BASE.replace('"Lobby"', '" "') + APP: "[account]: name is missing.",
    BASE.replace('"Lobby"', "7") + APP: "[account]: name must be text in quotes.",
    BASE.replace("Lobby", r"Lob\u0007by") + APP: "name must be one line of plain text.",
    BASE + 'place = "one\\ntwo"\n' + APP: "place must be one line of plain text.",
    BASE.replace("Lobby", "L" * 101) + APP: "name may have 100 characters, not 101.",
    BASE + f'operator = "{"o" * 101}"\n' + APP: "operator may have 100 characters, not",
    BASE + 'password = "hunter2"\n' + APP: (
        "[account]: a password does not belong in this file."
    ),
    BASE + 'password_file = "none"\n' + APP: "none is not a readable file.",
    BASE + 'password_file = "app"\n' + APP: "app is not a readable file.",
    BASE
    + 'password_file = "open"\n'
    + APP: "everyone on this machine can read .../open",
    BASE + 'password_file = "binary"\n' + APP: "binary is not a line of text.",
    BASE + '[server]\nca_file = "none"\n' + APP: "[server]: ca_file: .../none is not a",
    BASE + "[server]\nport = 0\n" + APP: "port must be from 1 to 65535, not 0.",
    BASE + "[server]\nport = true\n" + APP: "[server]: port must be a whole number.",
    BASE + "[limits]\nidle = 19\n" + APP: "idle must be from 20 to 86400, not 19.",
    BASE + "[limits]\nlifetime = 1.5\n" + APP: "lifetime must be a whole number.",
    BASE
    + "[limits]\ninvitation = 5\n"
    + APP: "invitation must be from 15 to 600, not 5",
    BASE + '[page]\nlisten = "here"\n' + APP: (
        "listen must be an address and a port, such as 127.0.0.1:8088, not 'here'."
    ),
    BASE
    + '[page]\nlisten = "127.0.0.1:99999"\n'
    + APP: "listen must be an address and",
    BASE + '[page]\nlisten = "localhost:80"\n' + APP: "listen must be an address and a",
    BASE + '[page]\nlisten = "0.0.0.0:80"\n' + APP: (
        "[page]: 0.0.0.0 can be reached from other machines, and the page shows what"
    ),
    BASE + '[page]\nlisten = "0.0.0.0:80"\nbeyond_loopback = 1\n' + APP: (
        "beyond_loopback must be true or false."
    ),
    ACCOUNT + APP: ".../kiosk.toml: data is missing.",
    RIGHT.replace('"data"', '"secret"'): "data: .../secret is not a folder.",
    BASE: ".../kiosk.toml: there is no app. Add an [[apps]] table.",
    "apps = 3\n" + BASE: "apps must be a list.",
    "apps = [3]\n" + BASE: "[[apps]] number 1: must be a table.",
    BASE + app() + app(): "two [[apps]] have the uri https://example.org/board.",
    BASE + app() + app(uri='""'): "[[apps]] number 2: uri is missing.",
    BASE + app(uri='"the board"'): "uri must look like https://example.org/apps/board",
    BASE + app(uri='"urn:a}b"'): "uri must look like https://example.org/apps/board",
    BASE + app(path='"none"'): ".../none is not a folder with an index.html.",
    BASE + app(path=r'"a\u0000"'): "path must be one line of plain text.",
    BASE + app(schema="0"): "schema must be from 1 to 1000000, not 0.",
    BASE + app(name="1"): "name must be text in quotes.",
}


@pytest.mark.parametrize(("text", "sentence"), INVALID.items(), ids=INVALID.values())
def test_each_mistake_has_a_sentence(
    tmp_path: Path, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    said = str(caught.value).replace(str(tmp_path), "...")
    assert sentence in said
    assert said.startswith(".../kiosk.toml")


def test_without_a_password_it_says_where_to_put_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Name a password_file, or set MOBILITY_KI"):
        load(written(tmp_path, RIGHT), {})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(SettingsError, match=f"{re.escape(str(path))}: cannot be read"):
        load(path)


def test_the_password_is_in_no_repr(tmp_path: Path) -> None:
    assert "environment" not in repr(read(tmp_path, RIGHT))


# -- docs/kiosk.md


def documented(title: str = "lobby.toml") -> str:
    page = Path(__file__).parents[3] / "docs" / "kiosk.md"
    example = re.search(
        rf'^```toml title="{title}"\n(.*?)^```$', page.read_text("utf-8"), re.M | re.S
    )
    assert example is not None
    return example[1]


def document(folder: Path) -> None:
    """What the documented examples name."""
    (folder / "presenter").mkdir()
    (folder / "presenter" / "index.html").write_text("")
    for name in ("password", "lobby.password", "bar.password"):
        (folder / name).write_text("from a file")
        (folder / name).chmod(0o600)


def test_the_documented_example_is_right_and_says_the_defaults(tmp_path: Path) -> None:
    document(tmp_path)
    said = read(tmp_path, documented())
    default = read(tmp_path, RIGHT)
    names = ("listen", "idle", "lifetime", "invitation", "scans", "levels")
    for name in (*names, "own_connection"):
        assert getattr(said, name) == getattr(default, name)
    assert said.apps[0].schema == default.apps[0].schema
    assert set(said.servers) == {"capulet.example"}
    records = load(written(tmp_path, documented()), PASSWORD).records
    assert records == load(written(tmp_path, RIGHT), PASSWORD).records


def test_the_least_that_works_is_right(tmp_path: Path) -> None:
    document(tmp_path)
    text = documented("the least that works")
    [display] = load(written(tmp_path, text), {}).displays
    assert (display.password, display.host) == ("from a file", "127.0.0.1")


def test_the_documented_examples_have_every_key(tmp_path: Path) -> None:
    keys = tomllib.loads(documented())
    assert set(keys) == set(module.TOP) - {"displays"}
    assert set(keys["account"]) == set(module.ACCOUNT)
    assert set(keys["server"]) == set(module.SERVER)
    assert set(keys["visitors"][0]) == set(module.VISITORS)
    assert set(keys["page"]) == set(module.PAGE)
    assert set(keys["limits"]) == set(module.LIMITS)
    assert set(keys["browser"]) == set(BROWSER)
    assert set(keys["metrics"]) == set(module.METRICS)
    assert set(keys["records"]) == set(module.RECORDS)
    assert set(keys["location"]) == set(module.LOCATION)
    assert set(keys["apps"][0]) == set(APP_KEYS)
    displays = tomllib.loads(documented("house.toml"))["displays"]
    assert set(displays[0]) == set(module.DISPLAY)


# -- several displays


def test_each_display_of_the_documented_house_has_what_it_says(tmp_path: Path) -> None:
    document(tmp_path)
    [lobby, bar] = load(written(tmp_path, documented("house.toml")), {}).displays
    assert (lobby.id, lobby.jid, lobby.place) == (
        "lobby",
        "lobby@kiosk.example",
        "Ground floor",
    )
    assert (bar.id, bar.operator, bar.place) == ("bar", "Hotel Aurora", "")
    assert (lobby.data, bar.data) == (tmp_path / "data/lobby", tmp_path / "data/bar")
    assert lobby.apps == bar.apps
    assert lobby.location == Location(Spot(Coordinates(51.0504, 13.7373), room="Lobby"))
    assert bar.location == Location(Spot(Coordinates(51.0504, 13.7373)))
    assert lobby.browser is not None
    assert lobby.browser.env == {"DISPLAY": ":0.0"}


HOUSE = 'data = "data"\n' + APP


def display(word: str, /, **keys: str) -> str:
    lines = {
        "id": f'"{word}"',
        "jid": f'"{word}@kiosk.example"',
        "name": '"Screen"',
        "listen": '"127.0.0.1:0"',
        **keys,
    }
    return "[[displays]]\n" + "".join(
        f"{key} = {value}\n" for key, value in lines.items()
    )


HOUSES = {
    display("Lobby"): "number 1: id must be small letters, digits and hyphens, such as",
    display("a", id='""'): "[[displays]] number 1: id is missing.",
    display("a") + display("a", jid='"b@c"'): "two [[displays]] have the same id",
    display("a") + display("b", jid='"A@kiosk.example"'): "have the same jid",
    display("a", data='"x"') + display("b", data='"x"'): "have the same data",
    display("a", listen='"127.0.0.1:1"') + display("b", listen='"127.0.0.1:1"'): (
        "have the same listen"
    ),
    display("a", apps='["urn:x"]'): "no [[apps]] table has the uri urn:x.",
    display("a", apps="[1]"): "apps must be a list of texts in quotes.",
    display("a", name='""'): "[[displays]] number 1: name is missing.",
    display("a", listen='"0.0.0.0:1"'): "number 1: 0.0.0.0 can be reached from other",
    display("a", shape="1"): "there is no setting 'shape'",
    display("a", browser="{ env = { path = '' } }"): "env must be such as",
    '[metrics]\nlisten = "0.0.0.0:1"\n' + display("a"): "the figures have no login",
    '[limits]\nlevels = ["root"]\n' + display("a"): "levels must be some of guest",
    "[limits]\nlevels = []\n" + display("a"): "levels must be some of guest",
    '[server]\nown_connection = "no"\n' + display("a"): "must be kept or dropped.",
    "[records]\ndays = 0\n" + display("a"): "days must be from 1 to 3650, not 0.",
    "[location]\nlat = 1\n" + display("a"): "lat and lon go together, or neither.",
    "[location]\nlat = nan\nlon = 0\n" + display("a"): "lat must be from -90 to 90",
    "[location]\nlat = 0\nlon = 180.1\n" + display("a"): "lon must be from -180 to 180",
    '[location]\nlat = "51"\nlon = 0\n' + display("a"): "lat must be a number.",
    "[location]\nlat = true\nlon = 0\n" + display("a"): "lat must be a number.",
    "[location]\nroom = 5\n" + display("a"): "room must be text in quotes.",
    display("a", location="{ height = 3 }"): "there is no setting 'height'",
    display("a", location='{ in_use = "no" }'): "in_use must be hidden or shown.",
    '[server]\nown_connection = "dropped"\n[location]\n' + display("a"): (
        'Keep the connection, or say in_use = "shown".'
    ),
}


@pytest.mark.parametrize(("text", "sentence"), HOUSES.items(), ids=HOUSES.values())
def test_each_mistake_about_several_displays_has_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, HOUSE + text), PASSWORD)
    assert sentence in str(caught.value)


def test_systemd_gives_the_password_and_a_place_for_the_data(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    for name in ("a", "b"):
        given = tmp_path / "given" / credential(Path(f"/root/{name}/password"))
        given.write_text(f"from systemd for {name}")
        given.chmod(0o400)
    environ = {
        "CREDENTIALS_DIRECTORY": str(tmp_path / "given"),
        "STATE_DIRECTORY": str(tmp_path / "state"),
    }
    text = HOUSE + "".join(
        display(name, password_file=f'"/root/{name}/password"') for name in ("a", "b")
    )
    a, b = load(written(tmp_path, text), environ).displays
    assert (a.password, b.password) == ("from systemd for a", "from systemd for b")
    assert a.data == tmp_path / "state" / "data" / "a"
    assert "from systemd" not in repr(a)
