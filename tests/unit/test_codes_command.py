"""`mobility qr`, `read` and `open`, as a person runs them; no network is needed."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
import typer.core
import typer.main
import typer.testing

from mobility import InvalidInvitation, MobilityError, SettingsError
from mobility.cli import app, drawing
from mobility.cli.drawing import drawn, print_codes
from mobility.cli.opening import command
from mobility.cli.scan import invitation
from mobility.own.codes import Codes
from mobility.protocol.code import Address, DeviceCode, SessionCode, read
from mobility.store import Kept, Store

ME, KEY = "juliet@capulet.example", "_____________________w"
OURS = re.compile(r"xmpp:\S+\?mobility-\S+")
RUNNER = typer.testing.CliRunner()
Env = dict[str, str]


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the journal of this device."""
    monkeypatch.setenv("MOBILITY_CONFIG", str(tmp_path / "none.toml"))
    monkeypatch.setenv("MOBILITY_JID", f"{ME}/resource")
    monkeypatch.setenv("MOBILITY_DATA", str(tmp_path / "phone"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "phone"


def codes(folder: Path) -> Codes:
    with Store(folder) as journal:
        return Codes(ME, journal.identity(b"i" * 32))


def run(*arguments: str) -> str:
    result = RUNNER.invoke(app, arguments, catch_exceptions=True)
    if isinstance(result.exception, MobilityError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def shown(*arguments: str) -> DeviceCode | SessionCode:
    """The code that a command prints."""
    (found,) = OURS.findall(run(*arguments))
    code = read(found)
    assert isinstance(code, DeviceCode | SessionCode)
    return code


def test_the_code_of_this_device_is_good_while_another_program_is_that_device(
    phone: Path,
) -> None:
    ours = codes(phone)
    with Store(phone) as journal:
        journal.claim()
        code = shown("qr", "--device")
    assert (code.jid, code.key) == (ME, ours.key)
    other = Codes(ME, b"j" * 32)
    ours.check(other.proof(code), "", other.key)


def test_the_code_of_a_session_is_good_at_the_device_that_has_it(phone: Path) -> None:
    for folder in (phone, phone / "agent"):
        with Store(folder) as journal:
            journal.keep(Kept(f"talk-{folder.name}", "urn:app", 1, 1, b""))
    ours, other = codes(phone / "agent"), Codes(ME, b"j" * 32)
    code = shown("qr", "--session", "talk-a")
    assert code == SessionCode(ME, "talk-agent", ours.key, code.token)
    ours.check(other.proof(code), "talk-agent", other.key)
    with pytest.raises(InvalidInvitation, match=r"several sessions 'talk-'"):
        run("qr", "--session", "talk-")


def test_a_session_of_another_device_has_its_code_there(phone: Path) -> None:
    with pytest.raises(InvalidInvitation, match="device that it belongs to"):
        run("qr", "--session", "elsewhere")
    assert not phone.exists()


FILES = ["--svg", "--png", "--ndef"]


def test_a_file_holds_no_token(phone: Path, tmp_path: Path) -> None:
    paths = {option: tmp_path / f"code{option}" for option in FILES}
    options = [part for pair in paths.items() for part in map(str, pair)]
    code = shown("qr", "--device", *options)
    assert code == DeviceCode(ME, codes(phone).key)
    for option in ("--png", "--ndef"):
        printed = run("read", str(paths[option]))
        assert f"The code of a device of {ME}." in printed
        assert f"mobility open '{code}'" in printed
    assert "<svg" in paths["--svg"].read_text()


def test_a_file_that_cannot_be_written_is_named(phone: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none/code\.png cannot be written: No"):
        run("qr", "--device", "--png", str(tmp_path / "none" / "code.png"))


@pytest.mark.parametrize(
    "arguments", [[], ["--device", "--session", "x"], ["a@b.example", "--device"]]
)
def test_a_code_is_of_one_thing(phone: Path, arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match="Name what the code shall be of"):
        run("qr", *arguments)


def test_an_agent_has_the_code_of_a_device_only(phone: Path) -> None:
    with pytest.raises(SettingsError, match="--agent goes with --device"):
        run("qr", "--agent", "a@b.example")


def test_what_is_no_address_has_no_code(phone: Path) -> None:
    with pytest.raises(InvalidInvitation, match="not an XMPP address like"):
        run("qr", "kiosk.example")


def test_a_code_that_is_too_wide_is_said_to_be(phone: Path) -> None:
    text = str(SessionCode(ME, "h7k2mq4xh7k2mq4x", KEY, b"t" * 16))
    *code, printed = drawn(text, 45)
    assert max(map(len, code)) == 45
    assert printed == text
    assert max(map(len, drawn(text, 43)[:-1])) == 43  # with less around it
    sentence, printed = drawn(text, 42)
    assert sentence == (
        "The code takes 43 columns, and here are 42: make the window wider, or have a "
        "picture with --png FILE."
    )
    assert printed == text


def test_a_code_of_a_device_fits_40_columns(phone: Path) -> None:
    assert len(drawn(str(DeviceCode(ME, KEY, b"t" * 16)), 40)) > 2


OPENED = {
    f"xmpp:lobby@kiosk.example/r?mobility;v=0;t={KEY};k={KEY}": ["visit"],
    f"xmpp:{ME}?mobility-device;v=0;k={KEY}": ["send", "--to"],
    f"xmpp:{ME}?mobility-session;v=0;s=1;k={KEY}": ["continue"],
}


@pytest.mark.parametrize("uri", OPENED)
def test_each_kind_of_code_has_its_command(phone: Path, uri: str) -> None:
    name, *arguments = command(read(uri))
    assert [name, *arguments] == [*OPENED[uri], uri]
    subcommands = typer.main.get_command(app)
    assert isinstance(subcommands, typer.core.TyperGroup)
    subcommands.commands[name].make_context(name, arguments)  # it takes them


@pytest.mark.parametrize("uri", [u for u in OPENED if ME in u])
def test_a_code_of_somebody_else_is_not_opened(
    phone: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBILITY_JID", "romeo@montague.example")
    with pytest.raises(InvalidInvitation, match=f"is of {ME}, and you are romeo@"):
        run("open", uri)


def test_an_address_is_not_opened_but_warned_of(phone: Path) -> None:
    with pytest.raises(InvalidInvitation) as refused:
        run("open", "xmpp:lobby@kiosk.example/r1")
    assert Address("").warning in str(refused.value)


def test_a_window_that_would_close_stays_until_the_sentence_is_read(
    phone: Path,
) -> None:
    result = RUNNER.invoke(app, ["open", "--stay", "https://kiosk.example"], "\n")
    assert result.exit_code == 1
    assert "is a web address" in result.output
    assert result.output.endswith("Press Enter to close this. ")


def test_visit_says_of_another_code_what_tells_more(phone: Path) -> None:
    with pytest.raises(InvalidInvitation, match="mobility open tells what it is"):
        invitation(f"xmpp:{ME}?mobility-device;v=0;k={KEY}", None)


async def told(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def test_in_a_terminal_each_code_takes_the_place_of_the_one_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    size = os.terminal_size((30, 40))
    monkeypatch.setattr(drawing, "_size", lambda: size)
    await print_codes(told("a@b.example/first", "a@b.example/other"), "x" * 31)
    first, other = capsys.readouterr().out.split("\x1b[J")
    height = first.count("\n") + 1  # the last line is wrapped
    assert first.endswith(f"\x1b[{height}F")
    assert other.count("\n") + 1 == height


async def test_in_a_dumb_terminal_each_code_is_below_the_one_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "_is_terminal", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    await print_codes(told("a@b.example/first", "a@b.example/other"), "Scan it.")
    printed = capsys.readouterr().out
    assert printed.index("first") < printed.index("other")
    assert printed.count("Scan it.") == 2
    assert "\x1b" not in printed


async def test_where_there_is_no_terminal_there_is_one_code(
    capsys: pytest.CaptureFixture[str], phone: Path
) -> None:
    await print_codes(told("a@b.example/first", "a@b.example/other"), "Scan it.")
    printed = capsys.readouterr().out
    assert "first" in printed
    assert "other" not in printed
    assert "Scan it." not in printed  # it does not stay, and is not renewed
    assert "\x1b" not in printed


@pytest.mark.parametrize(("no_color", "coloured"), [({}, 1), ({"NO_COLOR": "1"}, 0)])
def test_in_a_real_terminal_it_stays_until_ctrl_c(
    phone: Path, no_color: dict[str, str], coloured: int
) -> None:
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-m", "mobility.cli", "qr", "--device"]
    environment = os.environ | no_color | {"TERM": "xterm", "LINES": "50"}
    program = subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    try:
        printed = b""
        while b"Ctrl-C ends this" not in printed:
            assert select.select([ours], [], [], 20)[0]
            printed += os.read(ours, 65536)
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
    finally:
        program.kill()
        program.wait()
        os.close(ours)
    assert OURS.search(printed.decode())
    assert bool(coloured) is (b"\x1b[38;5;231m\x1b[48;5;16m" in printed)


async def test_a_device_shows_another_code_when_it_is_time(
    phone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.protocol.codebook.SHOWN", 0.02)
    ours = codes(phone)
    async with aclosing(ours.devices()) as shown:
        tokens = [(await anext(shown)).token for _ in range(3)]
    assert len(set(tokens)) == 3
    async with aclosing(ours.sessions("talk")) as shown_too:
        first, other = await anext(shown_too), await anext(shown_too)
    assert (first.session, first.key) == ("talk", ours.key)
    assert first.token != other.token
