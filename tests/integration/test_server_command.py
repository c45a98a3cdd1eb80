"""`mobility server` as its user runs it: a program, its lines and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import ConnectionFailed, Service
from mobility.server import Accounts
from tests.integration.test_server import DEADLINE

COMMAND = (sys.executable, "-c", "from mobility.cli import main; main()", "server")
FREE = ("--port", "0", "--http-port", "0", "--proxy-port", "0")
CANARY = "canary-3e9d"


def mobility(
    *args: object, secret: str | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `mobility server ...` to its end, without a terminal."""
    environment = dict(os.environ)
    environment.pop("MOBILITY_NEW_PASSWORD", None)
    if secret is not None:
        environment["MOBILITY_NEW_PASSWORD"] = secret
    return subprocess.run(
        [*COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        input=stdin,
        env=environment,
        timeout=DEADLINE,
        check=False,
    )


@contextlib.asynccontextmanager
async def foreground(
    folder: Path, *more: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, int]]:
    """Run the server; yield the process, what it said, and Prosody's process id."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, "--data", str(folder), *FREE, *more), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE):
            said = await process.stdout.readuntil(b"Ctrl-C ends it.\n")
        yield process, said.decode(), int((folder / "prosody.pid").read_text())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def gone(pid: int) -> None:
    """Wait for the end of a process that may not be our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = await asyncio.to_thread(poll.poll, DEADLINE * 1000)
        assert ended, f"process {pid} is still there"
    finally:
        os.close(descriptor)


def test_the_watch_would_find_a_password(tmp_path: Path) -> None:
    (tmp_path / "leak").write_text(f"x{CANARY}x")
    assert holding(tmp_path, CANARY) == [tmp_path / "leak"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_stop_is_exit_code_0_and_leaves_no_child(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with foreground(tmp_path) as (process, said, prosody):
        assert "The XMPP server of localhost is running." in said
        assert str(tmp_path / "certificates" / "ca.crt") in said
        assert re.search(r"http://127\.0\.0\.1:\d+/http-bind", said)
        process.send_signal(how)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(prosody, 0)


async def test_prosody_does_not_outlive_a_killed_program(tmp_path: Path) -> None:
    async with foreground(tmp_path) as (process, _, prosody):
        process.kill()
        await process.wait()
        await gone(prosody)


async def test_after_a_kill_the_next_one_starts_at_once(tmp_path: Path) -> None:
    async with foreground(tmp_path) as (process, _, _prosody):
        process.kill()
        await process.wait()
        async with foreground(tmp_path) as (_process, said, _):
            assert "is running" in said


async def test_the_end_of_prosody_is_exit_code_1_and_one_sentence(
    tmp_path: Path,
) -> None:
    async with foreground(tmp_path) as (process, _, prosody):
        os.kill(prosody, signal.SIGKILL)
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 1


async def test_a_second_one_on_the_folder_is_refused(tmp_path: Path) -> None:
    async with foreground(tmp_path) as (process, _, _prosody):
        second = await asyncio.to_thread(mobility, "--data", tmp_path, *FREE)
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr == (
        f"A server is running on {tmp_path} already (process {process.pid}); "
        "stop that one, or choose another folder with --data\n"
    )


async def test_a_service_is_let_in_by_the_secret_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    more = "--service", f"game.localhost={file}", "--component-port", "0"
    async with foreground(tmp_path / "server", *more) as (_, said, _):
        found = re.search(r"component game\.localhost, port (\d+)", said)
        assert found
        assert file.stat().st_mode & 0o077 == 0
        secret, port = file.read_text().strip(), int(found[1])
        assert secret
        assert secret not in said
        async with Service("game.localhost", secret, port=port) as service:
            assert service.jid == "game.localhost"
            with pytest.raises(ConnectionFailed, match="connected already"):
                await Service("game.localhost", secret, port=port).__aenter__()
        for jid, proof in (("game.localhost", "wrong"), ("other.localhost", secret)):
            with pytest.raises(ConnectionFailed, match="secret"):
                await Service(jid, proof, port=port).__aenter__()
    with pytest.raises(ConnectionFailed, match="No XMPP server"):
        await Service("game.localhost", secret, port=port).__aenter__()


def test_a_file_that_can_keep_no_secret_is_named_with_the_reason(
    tmp_path: Path,
) -> None:
    refused = mobility("--service", f"game.localhost={tmp_path}")
    assert refused.returncode == 1
    assert (
        refused.stderr == f"The secret cannot be kept in {tmp_path}: Is a directory\n"
    )


@pytest.mark.parametrize("given", ["game.localhost", "game.localhost=/dev/null"])
def test_a_service_without_a_secret_is_refused(given: str, tmp_path: Path) -> None:
    run = mobility("--data", tmp_path / "server", "--service", given)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1


def test_accounts_by_command(tmp_path: Path) -> None:
    data = ("--data", tmp_path)
    (tmp_path / "secret").write_text(f"{CANARY}\n")
    added = mobility("adduser", "Alice@localhost", *data, secret=CANARY)
    assert (added.returncode, added.stdout) == (0, "Added alice@localhost.\n")
    file = ("--password-file", tmp_path / "secret")
    assert mobility(*data, "adduser", "bob@localhost", *file).returncode == 0
    changed = mobility(
        *("passwd", "bob@localhost", *data, "--password-file", "-"), stdin="other\n"
    )
    assert changed.returncode == 0
    assert mobility("users", *data).stdout == "alice@localhost\nbob@localhost\n"
    assert mobility("deluser", "bob@localhost", *data).returncode == 0
    assert mobility("users", *data).stdout == "alice@localhost\n"


REFUSED = {
    ("adduser", "alice@localhost"): "exists already",
    ("adduser", "ALICE@localhost"): "exists already",
    ("adduser", "bob"): "is not an account's JID; write bob@localhost",
    ("adduser", "bob@localhost/phone"): "is not an account's JID",
    ("adduser", "b b@localhost"): "cannot be an account's name",
    ("adduser", "bob@ex_ample"): "cannot be a server's domain",
    ("adduser", "bob@localhost"): "There is no terminal to ask for a password on",
    ("passwd", "bob@localhost"): "does not exist",
    ("deluser", "bob@localhost"): "There is no account bob@localhost",
    ("adduser", "bob@localhost", "--password-file", "/none"): "cannot be read",
    ("--listen", "everywhere"): "is not an IP address to listen on",
    ("--domain", "Ex_ample"): "cannot be a server's domain",
    ("--write-config", "/proc/none", "--domain", "a.example"): "Cannot write to",
    ("--write-config", "somewhere"): "Name the domain of the production server",
}


@pytest.mark.parametrize("args", REFUSED)
def test_a_refusal_is_exit_code_1_and_one_sentence(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    Accounts(tmp_path).add("alice", CANARY)
    refused = mobility("--data", tmp_path, *args)
    assert refused.returncode == 1
    assert REFUSED[args] in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""
    assert Accounts(tmp_path).jids() == ["alice@localhost"]


async def test_an_account_of_another_domain_is_refused(tmp_path: Path) -> None:
    async with foreground(tmp_path):
        refused = await asyncio.to_thread(
            mobility, "adduser", "bob@b.example", "--data", tmp_path, secret=CANARY
        )
    assert refused.returncode == 1
    assert "is that of localhost, not of b.example; write bob@localhost" in (
        refused.stderr
    )


def test_on_a_terminal_it_asks_twice_without_echo(tmp_path: Path) -> None:
    for again, code in (("another", 1), (CANARY, 0)):
        args = ("adduser", "alice@localhost", "--data", str(tmp_path))
        shown, exit_code = type_in([*COMMAND, *args], [CANARY, again])
        assert exit_code == code, shown
        assert "Password for alice@localhost:" in shown
        assert CANARY not in shown
    assert Accounts(tmp_path).jids() == ["alice@localhost"]


def type_in(argv: list[str], answers: list[str]) -> tuple[str, int]:
    """Run a program on a terminal, answer each prompt; return its screen and code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.pop("MOBILITY_NEW_PASSWORD", None)
        os.execv(argv[0], argv)  # noqa: S606
    shown = ""
    waiting = list(answers)
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while select.select([terminal], [], [], DEADLINE)[0]:
            shown += os.read(terminal, 4096).decode()
            # Each prompt ends so; the terminal's echo is off by then.
            if waiting and shown.endswith(": "):
                shown += "\n"
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def holding(folder: Path, canary: str) -> list[Path]:
    """Return the files that contain the canary."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if canary.encode() in path.read_bytes()]


async def test_no_password_is_ever_on_a_command_line(tmp_path: Path) -> None:
    """Watch every process below ours while accounts are made on a running server."""
    seen: set[bytes] = set()
    adduser = ("adduser", "alice@localhost", "--data", tmp_path)

    def watch() -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                seen.add(path.read_bytes())

    async with foreground(tmp_path):
        adding = asyncio.ensure_future(
            asyncio.to_thread(mobility, *adduser, secret=CANARY)
        )
        while not adding.done():
            await asyncio.to_thread(watch)
    assert adding.result().returncode == 0
    assert any(b"adduser" in line for line in seen), "the watch saw nothing"
    assert not any(CANARY.encode() in line for line in seen)
    assert not holding(tmp_path, CANARY)
