"""Displays as an operator runs them: the command, its processes, what they leave."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.doctor import Finding, examine
from kiosk.reporting import records
from kiosk.settings.plan import DisplayPlan
from kiosk.settings.settings import load
from kiosk.supervisor import child
from kiosk.supervisor.post import Post
from kiosk.web.sockets import bind
from mobility import Client
from mobility.server.certificates import CA_FILE, ensure_certificates
from tests.fakes.kiosk import (
    DEADLINE,
    Kiosk,
    Page,
    alive,
    children,
    run,
    running,
    settings,
)
from tests.fakes.running import RunningServer
from tests.integration.people import address, read_all

CANARY = "Canary phone of Juliet"


@pytest.fixture
async def visitor(server: RunningServer) -> AsyncIterator[Client]:
    """Yield a phone whose name must be found nowhere."""
    jid, password = server.add("canary")
    async with Client(jid, password, device=CANARY, **address(server)) as phone:
        yield phone
    server.delete("canary")


async def visit(phone: Client, page: Page) -> bool | None:
    """Come and go; gives whether the display has signed that nothing is left."""
    async with phone.visit(await page.code(), approve=page.digits) as screen:
        await page.shows("visiting")
    return screen.clean


async def another(kiosk: Kiosk, name: str, old: int) -> int:
    """Wait for a process of that display that is not the old one."""
    async with asyncio.timeout(DEADLINE):
        while (found := children(kiosk.process.pid).get(name, old)) == old:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found


async def gone(*pids: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while any(alive(pid) for pid in pids):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_two_displays_of_one_file_have_their_visitors_side_by_side(
    server: RunningServer, tmp_path: Path, visitor: Client
) -> None:
    file = settings(server, tmp_path, ["one", "two"])
    async with running(file) as kiosk:
        before = children(kiosk.process.pid)
        assert sorted(before) == ["one", "two"]
        one, two = kiosk.pages["one"], kiosk.pages["two"]
        async with visitor.visit(await one.code(), approve=one.digits) as first:
            await one.shows("visiting")
            assert await visit(visitor, two)
            await kiosk.counts('visited{display="one"}', 1)
        assert first.clean
        for name, page in kiosk.pages.items():
            await another(kiosk, name, before[name])  # nobody shares a process
            await page.shows("idle")  # at the address that it had
            label = f'{{display="{name}",level="guest",ended="left"}}'
            await kiosk.counts(f"visits_total{label}", 1)
            await kiosk.counts(f'wipes_total{{display="{name}",result="confirmed"}}', 1)
            await kiosk.counts(f'restarts_total{{display="{name}",reason="visit"}}', 1)
            await kiosk.counts(f'online{{display="{name}"}}', 1)
            await kiosk.counts(f'page_open{{display="{name}"}}', 1)
        figures = await kiosk.metrics()
        assert 300 < figures['certificate_days{display="one"}'] < 400
        assert figures['heartbeat_age_seconds{display="one"}'] < DEADLINE
    await names_nobody(file, tmp_path)


def history(file: Path) -> list[dict[str, Any]]:
    data = load(file).displays[0].data.parent
    kept = [records.history(folder) for folder in sorted(data.iterdir())]
    return [visit for visits in kept for visit in visits]


async def names_nobody(file: Path, folder: Path) -> None:
    code, printed = await run("history", str(file), "--json")
    assert code == 0
    visits = json.loads(printed)
    assert sorted(each["display"] for each in visits) == ["one", "two"]
    for each in visits:
        assert (each["level"], each["ended"]) == ("guest", "left")
        assert each["receipt"] is True
        assert each["apps"] == []
    kept = read_all(folder)
    assert visits[0]["visit"].encode() in kept
    assert CANARY.encode() not in kept
    assert b"canary@" not in kept


async def test_a_process_that_crashes_is_replaced_and_its_visit_is_recorded(
    server: RunningServer, tmp_path: Path, visitor: Client
) -> None:
    file = settings(server, tmp_path, ["one"])
    async with running(file) as kiosk:
        page = kiosk.pages[""]
        old = children(kiosk.process.pid)["one"]
        async with visitor.visit(await page.code(), approve=page.digits) as screen:
            await page.shows("visiting")
            await kiosk.counts('visited{display="one"}', 1)
            token = page.token
            os.kill(old, signal.SIGKILL)
            await another(kiosk, "one", old)
            await page.shows("idle")  # the page came back to the same address
            assert page.token != token
            await kiosk.counts('restarts_total{display="one",reason="crash"}', 1)
            await kiosk.counts('wipes_total{display="one",result="unconfirmed"}', 1)
        assert screen.clean is False
        assert await visit(visitor, page)
    visits = history(file)
    assert [each["ended"] for each in visits] == ["crash", "left"]
    assert [each["receipt"] for each in visits] == [False, True]


async def test_a_process_that_hangs_is_killed_and_replaced(
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "SILENCE", 2.5)
    monkeypatch.setattr(child, "LOOK", 0.1)
    settled = asyncio.Event()
    file = settings(server, tmp_path, ["one"])
    with bind(("127.0.0.1", 0), "The page") as sock:
        plan = DisplayPlan("one", ("127.0.0.1", 0), tmp_path / "data")
        post = Post(file, plan, sock, days=90, settled=settled.set)
        running = asyncio.create_task(post.run())
        async with asyncio.timeout(DEADLINE):
            await settled.wait()
            old = children(os.getpid())["one"]
            os.kill(
                old, signal.SIGSTOP
            )  # as its event loop would be in an endless loop
            while children(os.getpid()).get("one", old) == old:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert post.tally.restarts["hang"] == 1
        running.cancel()
        await asyncio.wait({running})
    assert children(os.getpid()) == {}


async def test_a_supervisor_that_is_killed_leaves_no_process(
    server: RunningServer, tmp_path: Path
) -> None:
    async with running(settings(server, tmp_path, ["one", "two"])) as kiosk:
        pids = children(kiosk.process.pid).values()
        kiosk.process.kill()
        await gone(*pids)


async def test_the_next_start_waits_for_what_a_killed_supervisor_left(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    async with running(file) as kiosk:
        port = kiosk.pages[""].address.rstrip("/").rpartition(":")[2]
        (pid,) = children(kiosk.process.pid).values()
        os.kill(pid, signal.SIGSTOP)  # it takes its time to end
        kiosk.process.kill()
        await kiosk.process.wait()
        text = file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
        file.write_text(text.replace(f"127.0.0.1:{port}", "127.0.0.1:0", 1))  # metrics
        again = asyncio.create_task(_started(file))
        await until_logged(file, "still ending")
        os.kill(pid, signal.SIGCONT)
        assert await again == f"http://127.0.0.1:{port}/"


async def _started(file: Path) -> str:
    async with running(file) as kiosk:
        return kiosk.pages[""].address


async def until_logged(file: Path, words: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while words not in file.with_suffix(".log").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_stop_ends_the_visit_in_order(
    server: RunningServer, tmp_path: Path, visitor: Client
) -> None:
    file = settings(server, tmp_path, ["one"])
    async with running(file) as kiosk:
        page = kiosk.pages[""]
        async with visitor.visit(await page.code(), approve=page.digits) as screen:
            await page.shows("visiting")
            kiosk.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                await screen.ended()
            assert screen.clean
        assert await kiosk.process.wait() == 0
    [record] = history(file)
    assert (record["ended"], record["receipt"]) == ("closed", True)


async def test_systemd_is_told_when_it_is_ready_how_it_is_and_that_it_lives(
    server: RunningServer, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        file = settings(server, tmp_path, ["one"])
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        async with running(file, **environ):
            said = await hears(systemd, "READY=1", "1 of 1 displays online, 0 visited")
        assert said.index("WATCHDOG=1") < said.index("READY=1")  # it lives all along
        await hears(systemd, "STOPPING=1")


async def hears(systemd: socket.socket, *words: str) -> str:
    said = ""
    async with asyncio.timeout(DEADLINE):
        while not all(word in said for word in words):
            packet = await asyncio.get_running_loop().sock_recv(systemd, 4096)
            said += packet.decode() + "\n"
    return said


async def test_what_cannot_be_used_ends_the_start_with_a_sentence(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    right = file.read_text()
    file.write_text(right.replace('data = "data"', 'data = "/proc/data"'))
    code, printed = await run(str(file))
    assert (code, "data: /proc/data/one cannot be used" in printed) == (2, True)
    with bind(("127.0.0.1", 0), "The page") as taken:
        port = taken.getsockname()[1]
        file.write_text(right.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        code, printed = await run(str(file))
    assert (code, "Address already in use" in printed) == (3, True)  # for a moment
    assert "Traceback" not in printed


async def test_a_second_kiosk_on_the_same_folder_is_refused_with_a_sentence(
    server: RunningServer, tmp_path: Path, visitor: Client
) -> None:
    file = settings(server, tmp_path, ["one"])
    async with running(file) as kiosk:
        page = kiosk.pages[""]
        async with visitor.visit(await page.code(), approve=page.digits) as screen:
            await page.shows("visiting")
            code, printed = await run(str(file))
            assert code == 3
            assert "Another kiosk that runs has the data folder" in printed
            assert "Traceback" not in printed
        assert screen.clean
        kiosk.process.kill()
        await gone(*children(kiosk.process.pid).values())
    async with running(file):
        """What was killed keeps nothing."""


async def test_a_display_without_its_browser_does_not_keep_the_others_from_being_ready(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one", "two"])
    text = file.read_text()
    file.write_text(text + '[displays.browser]\nprogram = "/bin/false"\n')
    async with running(file) as kiosk:
        await kiosk.pages["one"].shows("idle")


async def test_the_log_says_when_the_server_is_lost_and_when_it_is_back(
    tmp_path: Path,
) -> None:
    with RunningServer(tmp_path / "server") as server:
        file = settings(server, tmp_path, ["one"])
        async with running(file) as kiosk:
            await kiosk.pages[""].shows("idle")
            await server.restart()
            await kiosk.pages[""].shows("idle")
            log = file.with_suffix(".log").read_text()
    assert log.count("the server cannot be reached any more") == 1
    assert log.count("the server is reached again") == 1


# -- doctor


async def examined(file: Path) -> dict[str, Finding]:
    return {each.check: each for each in await examine(load(file))}


async def test_the_doctor_finds_a_display_in_order(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    code, printed = await run("doctor", str(file), "--json")
    found = {each["check"]: each for each in json.loads(printed)}
    assert code == 0
    assert not [each for each in found.values() if each["result"] == "failed"]
    for check in ("dns", "tcp", "certificate", "login", "stream management", "page"):
        assert found[check]["result"] == "ok", found[check]
        assert found[check]["display"] == "one"
    assert (tmp_path / "one.password").read_text() not in printed


async def test_the_doctor_logs_in_as_a_guest_where_guests_are_let_in(
    server: RunningServer, tmp_path: Path
) -> None:
    """The one server lets guests in, the other does not."""
    with RunningServer(tmp_path / "server", guests="welcome") as welcoming:
        for each, result in ((welcoming, "ok"), (server, "failed")):
            file = settings(each, tmp_path, ["one"])
            guests = 'guests = "guests.localhost"\n[metrics]'
            file.write_text(file.read_text().replace("[metrics]", guests))
            found = await examined(file)
            assert found["login"].result == "ok"
            assert found["guests"].result == result, found["guests"]


async def test_the_doctor_says_what_is_wrong(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    right = file.read_text()
    ensure_certificates(tmp_path / "other", [server.domain])
    another = tmp_path / "other" / CA_FILE
    (tmp_path / "app" / "index.html").write_text('<script src="vendor/none.js">')
    (tmp_path / "one.password").write_text("wrong-canary")
    code, printed = await run("doctor", str(file))
    assert code == 1
    assert "failed   one app: https://example.org/apps/counter asks for" in printed
    assert "failed   one login: " in printed
    assert "wrong-canary" not in printed
    file.write_text(right.replace("ca_file", "# "))
    found = await examined(file)
    assert found["certificate"].result == "failed"
    assert "name its CA file" in found["certificate"].advice
    assert "login" not in found
    file.write_text(right.replace("ca_file", f'ca_file = "{another}" # '))
    found = await examined(file)
    assert f"another authority than that of {another}" in found["certificate"].text
    file.write_text(right.replace(f"@{server.domain}", "@other.example"))
    found = await examined(file)
    assert "is not that of other.example" in found["certificate"].text
    file.write_text(right.replace(f"port = {server.c2s_port}", "port = 1"))
    found = await examined(file)
    assert found["tcp"].result == "failed"


async def test_the_doctor_sees_that_the_port_of_the_figures_is_taken(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    old = '[metrics]\nlisten = "127.0.0.1:0"'
    new = f'[metrics]\nlisten = "127.0.0.1:{server.c2s_port}"'
    file.write_text(file.read_text().replace(old, new))
    found = (await examined(file))["figures"]
    assert found.result == "failed"
    assert "Address already in use. Change listen" in found.text


async def test_the_doctor_knows_a_kiosk_that_runs_and_does_not_disturb_it(
    server: RunningServer, tmp_path: Path
) -> None:
    file = settings(server, tmp_path, ["one"])
    async with running(file) as kiosk:
        page = kiosk.pages[""]
        before = await page.code()
        port = page.address.rstrip("/").rpartition(":")[2]
        pages, displays = file.read_text().split("[[displays]]")
        fixed = displays.replace("127.0.0.1:0", f"127.0.0.1:{port}")
        file.write_text(f"{pages}[[displays]]{fixed}")
        found = await examined(file)
        assert found["page"].text.startswith("a kiosk is served at")
        assert found["login"].result == "ok"
        assert await page.code() == before
        await kiosk.counts('online{display="one"}', 1)
