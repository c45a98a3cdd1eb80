"""SOCKS5 as bytestreams use it: both ends agree, and nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol.socks5 import Accepting, Connecting, stream_address

ADDRESS = stream_address("vxf9n471bn46", "romeo@montague.net/o", "juliet@capulet.com/b")
NAME = ADDRESS.encode()
REQUEST = b"\5\1\0\3\x28" + NAME + b"\0\0"
GRANTED = b"\5\0\0\3\x28" + NAME + b"\0\0"


def feed(end: Accepting | Connecting, data: bytes) -> bytes:
    """Give it all of the data, as much at once as it needs; return what it says."""
    said = end.data_to_send()
    while data:
        if not end.needs:
            raise AssertionError(f"{data!r} was not needed")
        piece, data = data[: end.needs], data[end.needs :]
        end.receive_data(piece)
        said += end.data_to_send()
    return said


def test_an_address_is_the_hash_that_the_xep_describes() -> None:
    # printf %s sidrequestertarget | sha1sum
    assert stream_address("sid", "requester", "target") == (
        "eec6f58d3bc0f3305353886be89c5602c2f1ef5f"
    )


def test_what_both_ends_say_is_what_the_rfc_says() -> None:
    asked, asks = Accepting(ADDRESS), Connecting(ADDRESS)
    assert feed(asks, b"\5\0" + GRANTED) == b"\5\1\0" + REQUEST
    assert feed(asked, b"\5\1\0" + REQUEST) == b"\5\0" + GRANTED
    assert asked.needs == asks.needs == 0


@given(st.data(), st.text("0123456789abcdef", min_size=1, max_size=255))
def test_both_ends_agree_however_the_bytes_are_cut(data: st.DataObject, a: str) -> None:
    asked, asks = Accepting(a), Connecting(a)
    wires: list[tuple[Accepting | Connecting, bytearray]]
    wires = [(asked, bytearray()), (asks, bytearray())]
    while asked.needs or asks.needs:
        wires[0][1].extend(asks.data_to_send())
        wires[1][1].extend(asked.data_to_send())
        for end, wire in wires:
            if most := min(end.needs, len(wire)):
                size = data.draw(st.integers(1, most))
                end.receive_data(bytes(wire[:size]))
                del wire[:size]
    assert not asks.data_to_send()
    assert not any(wire for _, wire in wires)


@pytest.mark.parametrize("methods", [b"\1\0", b"\2\0\2", b"\3\1\2\0"])
def test_whoever_can_do_without_a_login_is_heard(methods: bytes) -> None:
    assert feed(Accepting(ADDRESS), b"\5" + methods) == b"\5\0"


@pytest.mark.parametrize(
    "answer",
    [
        b"\5\0\0\1\x7f\0\0\1\0\x50",
        b"\5\0\0\3\0\0\0",
        b"\5\0\0\3\4host\1\2",
        b"\5\0\0\4" + bytes(16) + b"\0\0",
    ],
)
def test_whatever_address_a_proxy_answers_the_stream_begins_after_it(
    answer: bytes,
) -> None:
    end = Connecting(ADDRESS)
    feed(end, b"\5\0" + answer)
    assert end.needs == 0
    with pytest.raises(LocalProtocolError, match="belong to the stream"):
        end.receive_data(b"!")


ASKED_WRONGLY = [
    (b"\4\1", b""),
    (b"GE", b""),
    (b"\5\0", b""),
    (b"\5\1\2", b"\5\xff"),
    (b"\5\1\0\4\1\0\3\x28", b"\5\0"),
    (b"\5\1\0\5\2\0\3\x28", b"\5\0\5\7\0\3\0\0\0"),
    (b"\5\1\0\5\3\0\3\x28", b"\5\0\5\7\0\3\0\0\0"),
    (b"\5\1\0\5\1\0\1\x7f", b"\5\0\5\x08\0\3\0\0\0"),
    (b"\5\1\0" + REQUEST.replace(NAME, b"0" * 40), b"\5\0\5\2\0\3\0\0\0"),
    (b"\5\1\0" + REQUEST.replace(NAME, NAME.upper()), b"\5\0\5\2\0\3\0\0\0"),
    (b"\5\1\0" + REQUEST[:-2] + b"\0\1", b"\5\0\5\2\0\3\0\0\0"),
    (b"\5\1\0\5\1\0\3\0\0\0", b"\5\0\5\2\0\3\0\0\0"),
]


@pytest.mark.parametrize(("data", "answer"), ASKED_WRONGLY)
def test_whoever_asks_wrongly_is_refused(data: bytes, answer: bytes) -> None:
    end = Accepting(ADDRESS)
    said = b""
    for byte in data[:-1]:
        end.receive_data(bytes([byte]))
        said += end.data_to_send()
    with pytest.raises(RemoteProtocolError):
        end.receive_data(data[-1:])
    assert said + end.data_to_send() == answer


@pytest.mark.parametrize(
    "data",
    [
        b"\5\xff",
        b"\4\0",
        b"HT",
        b"\5\0\5\1\0\3\0\0\0",
        b"\5\0\4\0\0\3\0",
        b"\5\0\5\0\0\2\0",
    ],
)
def test_whoever_answers_wrongly_is_not_believed(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        feed(Connecting(ADDRESS), data)


@given(st.binary(max_size=600))
def test_noise_is_refused_or_wanted_but_never_breaks_an_end(noise: bytes) -> None:
    for end in (Accepting(ADDRESS), Connecting(ADDRESS)):
        rest = noise
        try:
            while rest and end.needs:
                assert end.needs <= 257
                end.receive_data(rest[: end.needs])
                rest = rest[end.needs :] if end.needs else b""
        except RemoteProtocolError:
            continue
        if isinstance(end, Accepting) and not end.needs:
            assert NAME in noise


@pytest.mark.parametrize("address", ["", "a" * 256])
def test_an_address_that_fits_in_no_request_is_a_mistake_of_ours(address: str) -> None:
    with pytest.raises(LocalProtocolError, match="1 to 255"):
        Connecting(address)
