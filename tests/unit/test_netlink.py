"""What the kernel says of the network: only what is new counts, and nothing breaks."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.own.netlink import Fact, Network, read

NEW_LINK, NEW_ADDRESS, DEL_ADDRESS, NEW_ROUTE = 16, 20, 21, 24


def attribute(kind: int, value: bytes) -> bytes:
    return (struct.pack("=HH", 4 + len(value), kind) + value).ljust(
        4 + (len(value) + 3 & ~3), b"\0"
    )


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def address(kind: int, text: str) -> bytes:
    body = struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, 2)
    return message(kind, body + attribute(2, socket.inet_aton(text)))


def route(bits: int, gateway: str) -> bytes:
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, bits, 0, 0, 254, 3, 0, 1, 0)
    return message(NEW_ROUTE, body + attribute(5, socket.inet_aton(gateway)))


def link(flags: int) -> bytes:
    return message(NEW_LINK, struct.pack("=BxHiII", 0, 1, 2, flags, 0))


def news(network: Network, datagram: bytes) -> list[bool]:
    return [network._is_news(fact) for fact in read(datagram)]


def test_an_address_that_comes_and_goes_is_news_and_said_again_is_none() -> None:
    network = Network()
    came, went = address(NEW_ADDRESS, "10.0.0.2"), address(DEL_ADDRESS, "10.0.0.2")
    assert news(network, came) == [True]
    assert news(network, came) == [False]  # a router's advertisement
    assert news(network, address(NEW_ADDRESS, "10.0.0.3")) == [True]
    assert news(network, went + came) == [True, True]


def test_only_default_routes_count() -> None:
    network = Network()
    assert news(network, route(24, "10.0.0.1")) == []
    assert news(network, route(0, "10.0.0.1")) == [True]
    assert news(network, route(0, "10.0.0.1")) == [False]
    assert news(network, route(0, "10.0.0.254")) == [True]


def test_a_link_that_is_lost_is_news_once() -> None:
    network = Network()
    assert news(network, link(0x1043)) == [True]
    assert news(network, link(0x1043)) == [False]
    assert news(network, link(0x1003)) == [True]
    assert news(network, link(0x1003)) == [False]


@given(st.binary(max_size=200))
def test_nothing_that_is_no_message_of_the_kernel_breaks_it(datagram: bytes) -> None:
    assert all(isinstance(fact, Fact) for fact in read(datagram))


@given(
    st.integers(min_value=0, max_value=200), st.sampled_from(["10.0.0.1", "1.2.3.4"])
)
def test_a_message_that_is_cut_off_breaks_nothing(length: int, text: str) -> None:
    whole = link(0x1043) + address(NEW_ADDRESS, text) + route(0, text)
    assert (
        list(read(whole[:length])) == list(read(whole))[: len([*read(whole[:length])])]
    )


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="no Linux")
def test_the_kernel_lets_everybody_listen() -> None:
    with Network() as network:
        assert network._socket.getsockname()[0]
