"""The service's unit: systemd takes it, it holds no secret, and it goes away again."""

from __future__ import annotations

import configparser
import os
import shutil
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobility.cli import app
from mobility.cli.agent import unit
from mobility.cli.agent.unit import NAME, unit_file
from mobility.cli.agent.unit import unit as written
from mobility.errors import SettingsError

ODD = "50% of $HOME \"quoted\" 'all' \\ ; x"

SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> {log}
case "$*" in
*show*) printf 'ActiveState=%s\\nStatusText=The server is away.\\n' "$(cat {state})";;
*restart*) exit {code};;
esac
"""


def parsed(text: str) -> configparser.SectionProxy:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read_string(text)
    return found["Service"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_takes_the_unit_and_every_line_of_it(tmp_path: Path) -> None:
    data = tmp_path / "100 % of $it"
    text = written(["--take", ODD], {"MOBILITY_DEVICE": ODD}, data)
    unit._verify(text)
    with pytest.raises(SettingsError, match="Nonsense"):
        unit._verify(text.replace("UMask", "Nonsense"))


def test_words_come_through_as_they_are(tmp_path: Path) -> None:
    service = parsed(written(["--take", ODD], {"MOBILITY_DEVICE": "a $b %c"}, tmp_path))
    assert service["ExecStart"].endswith(
        r'''--take "50%% of $$HOME \"quoted\" 'all' \\ ; x"'''
    )
    assert service["Environment"] == '"MOBILITY_DEVICE=a $b %%c"'


def test_the_unit_takes_away_what_a_user_unit_can() -> None:
    service = parsed(written([], {}, Path("/data")))
    for key in ("NoNewPrivileges", "PrivateUsers", "RestrictNamespaces", "PrivateTmp"):
        assert service[key] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["ReadWritePaths"] == "/data"
    assert "AF_NETLINK" in service["RestrictAddressFamilies"]  # hears of the network
    assert service["RestartPreventExitStatus"] == "2"


class Machine:
    """A user's account on a machine with a systemd that notes what it is asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._bin = folder / "bin"
        self._bin.mkdir()
        self.state = folder / "state"
        self.state.write_text("active")
        self.answers(0)
        secret = folder / "password"
        secret.write_text("CANARY")
        self.config = folder / "config.toml"
        self.config.write_text(
            f'jid = "juliet@example.org"\npassword_file = "{secret}"\n'
        )
        for name in [name for name in os.environ if name.startswith("MOBILITY_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("PATH", f"{self._bin}:{os.environ['PATH']}")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setenv("MOBILITY_CONFIG", str(self.config))
        monkeypatch.setenv("MOBILITY_DATA", str(folder / "data"))

    def answers(self, code: int) -> None:
        path = self._bin / "systemctl"
        path.write_text(
            SYSTEMCTL.format(log=self.folder / "log", state=self.state, code=code)
        )
        path.chmod(0o700)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "log").read_text().splitlines()

    def run(self, *arguments: str) -> tuple[int, str]:
        """`mobility agent …`: its exit code, or the error, and what it prints."""
        result = CliRunner().invoke(app, ["agent", *arguments])
        said = result.output + str(result.exception or "")
        return result.exit_code, " ".join(said.split())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(unit, "UNSEEN", (str(tmp_path / "temporary"),))
    return Machine(tmp_path, monkeypatch)


INSTALL = ("install", "--app", "tests.integration.apps:Board", "--take")


def test_it_is_installed_seen_and_removed(machine: Machine) -> None:
    code, said = machine.run("status")
    assert (code, "No agent is installed" in said) == (3, True)
    code, said = machine.run(*INSTALL, "always", "--name", "Desk")
    assert code == 0, said
    assert "Desk takes sessions now, and at each login." in said
    text = unit_file().read_text()
    assert unit_file() == machine.folder / "config" / "systemd" / "user" / NAME
    assert "--take=always --give=always --name=Desk" in text
    assert f"Environment=MOBILITY_CONFIG={machine.config}" in text
    assert "CANARY" not in text
    data = machine.folder / "data" / "agent"
    assert f"ReadWritePaths={data}" in text
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert machine.run("status")[1] == "The agent runs. The server is away."
    machine.state.write_text("failed")
    code, said = machine.run("status")
    assert (code, "The agent is failed." in said) == (3, True)
    assert machine.run("remove")[1] == "The agent is removed."
    assert not unit_file().exists()
    assert [line.removeprefix("--user ").split()[0] for line in machine.asked] == [
        *("daemon-reload", "enable", "restart"),
        *("show", "show"),
        *("disable", "daemon-reload"),
    ]
    assert machine.run("remove")[1] == "No agent is installed."


def test_a_service_cannot_ask_on_a_terminal(machine: Machine) -> None:
    code, said = machine.run(*INSTALL, "ask")
    assert (code, "A service has no terminal to ask on." in said) == (1, True)
    assert not unit_file().exists()


def test_a_service_cannot_be_asked_for_the_password(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.config.write_text('jid = "juliet@example.org"\n')
    monkeypatch.setenv("MOBILITY_PASSWORD", "CANARY")
    code, said = machine.run(*INSTALL, "always")
    assert (code, "A service cannot be asked for the password" in said) == (1, True)
    assert not unit_file().exists()


def test_a_command_that_is_none_is_not_installed(machine: Machine) -> None:
    code, said = machine.run(*INSTALL, "no-such-program --now")
    assert (code, "There is no program for the command" in said) == (1, True)
    assert not unit_file().exists()


def test_a_systemd_that_does_not_start_it_says_so(machine: Machine) -> None:
    machine.answers(1)
    code, said = machine.run(*INSTALL, "always")
    assert code == 1
    assert "is written, but systemctl --user restart mobility-agent.service" in said
    assert "journalctl --user -u mobility-agent" in said


def test_in_a_pipe_nobody_can_be_asked(machine: Machine) -> None:
    code, said = machine.run("run", "--app", "tests.integration.apps:Board")
    assert (code, "There is no terminal to ask on." in said) == (2, True)


def test_what_a_service_would_not_see_is_said(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBILITY_DATA", str(machine.folder / "temporary"))
    code, said = machine.run(*INSTALL, "always")
    assert (code, "is among temporary files" in said) == (1, True)
    assert not unit_file().exists()


def test_paths_of_the_shell_hold_wherever_the_service_begins(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(machine.folder)
    monkeypatch.setenv("MOBILITY_DATA", "data")
    assert machine.run(*INSTALL, "always")[0] == 0
    assert f"MOBILITY_DATA={machine.folder}/data" in unit_file().read_text()
