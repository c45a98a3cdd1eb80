"""A connection can be aborted, whatever the peer did before."""

from __future__ import annotations

from unittest.mock import Mock

from mobility.xmpp.connection import Connection


async def test_aborting_closes_nothing_first() -> None:
    connection = Connection("juliet@capulet.example", "secret")
    connection.transport = transport = Mock()
    connection.abort()
    transport.abort.assert_called_once_with()
    transport.close.assert_not_called()
