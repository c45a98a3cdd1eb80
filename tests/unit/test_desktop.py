"""Links that begin with xmpp: are opened by us, if the user wants so."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from mobility.cli.desktop import desktop, entry, with_default
from mobility.errors import SettingsError

SCHEME = "x-scheme-handler/xmpp"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a desktop of its own, with no program on it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).mkdir()
    for name in ("XDG_DATA_DIRS", "XDG_CONFIG_DIRS"):
        monkeypatch.setenv(name, str(tmp_path / "system"))
    monkeypatch.delenv("XDG_CURRENT_DESKTOP", raising=False)
    return tmp_path


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def opens() -> str:
    return run("xdg-mime", "query", "default", SCHEME)


def installed(home: Path) -> Path:
    return home / "XDG_DATA_HOME" / "applications" / "mobility.desktop"


def another(home: Path) -> None:
    """Another program that opens such links."""
    path = installed(home).with_name("gajim.desktop")
    path.parent.mkdir(parents=True)
    path.write_text(entry(["true"]).replace("Mobility", "Gajim"))
    run("xdg-mime", "default", path.name, SCHEME)


def test_links_are_opened_by_us_and_not_any_more(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desktop(install=True)
    assert "opened with mobility now" in capsys.readouterr().out
    run("desktop-file-validate", installed(home))
    assert opens() == "mobility.desktop"
    desktop(remove=True)
    assert "not opened with mobility any more" in capsys.readouterr().out
    assert not installed(home).exists()
    assert opens() == ""
    desktop(remove=True)  # again, which is no error
    with pytest.raises(SettingsError, match="Choose one of --install and --remove"):
        desktop(install=True, remove=True)


def test_the_program_that_opens_them_now_stays_unless_the_user_says_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    another(home)
    desktop(install=True)
    assert "gajim.desktop opens such links" in capsys.readouterr().out
    assert opens() == "gajim.desktop"
    desktop(install=True, default=True)
    assert opens() == "mobility.desktop"
    desktop(install=True)
    assert opens() == "mobility.desktop"
    desktop(remove=True)
    assert opens() == "gajim.desktop"


def test_without_an_option_the_file_is_printed_and_nothing_happens(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desktop()
    assert capsys.readouterr().out.startswith("[Desktop Entry]\n")
    assert not installed(home).exists()


PROGRAMS = [
    ["/usr/bin/mobility"],
    ['/home/juliet capulet/it\'s "here"/100%/$HOME/`x`/back\\slash'],
    ["/usr/bin/python3", "-m", "mobility.cli"],
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_any_place_of_the_program_is_quoted(program: list[str], tmp_path: Path) -> None:
    path = tmp_path / "mobility.desktop"
    path.write_text(entry(program), "utf-8")
    subprocess.run(["desktop-file-validate", path], check=True)
    (line,) = (x for x in entry(program).splitlines() if x.startswith("Exec="))
    assert read(line.removeprefix("Exec=")) == [*program, "open", "--stay", "%u"]


def read(value: str) -> list[str]:
    """As a desktop does: it is a string, of arguments, some of which are quoted."""
    text = value.replace("\\\\", "\\")
    words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', text)
    plain = (re.sub(r"\\(.)", r"\1", quoted) or word for quoted, word in words)
    return [word.replace("%%", "%") for word in plain]


def test_what_else_the_user_has_chosen_stays_as_it_is() -> None:
    before = (
        "# mine\n[Added Associations]\nx-scheme-handler/xmpp=dino.desktop;\n\n"
        "[Default Applications]\ntext/html=firefox.desktop\n"
        "x-scheme-handler/xmpp=gajim.desktop;dino.desktop\n[Other]\na=b\n"
    )
    ours = "x-scheme-handler/xmpp=mobility.desktop;gajim.desktop;dino.desktop;\n"
    after = with_default(before, ["mobility.desktop"])
    others = before.replace("x-scheme-handler/xmpp=gajim.desktop;dino.desktop\n", "")
    section = "[Default Applications]\n"
    assert after == others.replace(section, section + ours)
    assert with_default(after, ["mobility.desktop"]) == after
    assert with_default(after, []) == after.replace("mobility.desktop;", "")
    assert with_default("", []) == ""
    assert with_default("[Other]\na=b\n", ["x"]).endswith(
        "[Default Applications]\nx-scheme-handler/xmpp=x;\n"
    )
