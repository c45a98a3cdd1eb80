"""A connection can be aborted, whatever the peer did before."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from mobility.xmpp.addresses import is_public
from mobility.xmpp.connection import Connection


async def test_aborting_closes_nothing_first() -> None:
    connection = Connection("juliet@capulet.example", "secret")
    connection.transport = transport = Mock()
    connection.abort()
    transport.abort.assert_called_once_with()
    transport.close.assert_not_called()


PUBLIC = ["8.8.8.8", "2606:4700::1111"]
INSIDE = [
    *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254"),
    *("100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1", "::"),  # noqa: S104
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "no address"),
]


@pytest.mark.parametrize("host", PUBLIC)
def test_what_anybody_could_reach_is_public(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize("host", INSIDE)
def test_an_address_of_this_machine_or_of_a_private_network_is_not(host: str) -> None:
    assert not is_public(host)
