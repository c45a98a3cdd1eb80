"""Ports: free ones where asked, a clear word where taken."""

from __future__ import annotations

import socket

import pytest

from mobility.errors import ServerError
from mobility.server.config import Ports
from mobility.server.ports import choose_ports


def test_zero_becomes_three_different_free_ports() -> None:
    ports = choose_ports("127.0.0.1", Ports(0, 0, 0))
    assert len({ports.c2s, ports.http, ports.proxy}) == 3
    assert choose_ports("127.0.0.1", ports) == ports


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"Port {port} on 127.0.0.1 is taken"):
            choose_ports("127.0.0.1", Ports(port, 0, 0))


def test_a_foreign_address_is_named() -> None:
    with pytest.raises(ServerError, match=r"192\.0\.2\.1 is no address of this"):
        choose_ports("192.0.2.1", Ports(0, 0, 0))


def test_two_services_cannot_share_a_port() -> None:
    port = choose_ports("127.0.0.1", Ports(0, 0, 0)).c2s
    with pytest.raises(ServerError, match="twice"):
        choose_ports("127.0.0.1", Ports(port, port, 0))
