"""Servers, lines and all that lies between two devices, in memory."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Protocol
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from mobility.protocol.carrier import Carrier, Pipe
from mobility.testing.faults import Faults
from mobility.testing.loop import VirtualLoop
from mobility.testing.power import Life

__all__ = ["Endpoint", "Network"]

_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_CLIENT = "{jabber:client}"


class Taker(Protocol):
    """Takes the streams of bytes that it expects."""

    def take(self, carrier: Carrier, sender: Endpoint, sid: str) -> Pipe: ...


class Endpoint(Protocol):
    """What the network and its pipes see of a device: its end of the line."""

    @property
    def jid(self) -> str: ...
    @property
    def life(self) -> Life: ...
    @property
    def online(self) -> bool: ...
    @property
    def bytestreams(self) -> Taker: ...
    def change(self, *, online: bool, resumed: bool = False) -> None: ...
    def receive(self, element: Element, what: str) -> None: ...


@dataclass(slots=True)
class _Line:
    """One device as its server knows it; what waits, waits for its resumption."""

    stream: Endpoint
    up: bool = True
    inbound: list[tuple[Element, str]] = field(default_factory=list)
    outbound: list[tuple[Element, str]] = field(default_factory=list)


class Network:
    """
    Takes stanzas from devices to devices, as well as the faults let it.

    Args:
        loop, dice: The clock, and what decides about faults.
        note: Takes a line of the trace.

    Attributes:
        faults: At this moment.
        lost: Stanzas that a sender believes to have been sent, and nobody got.

    """

    def __init__(
        self, loop: VirtualLoop, dice: random.Random, note: Callable[[str], None]
    ) -> None:
        self.faults = Faults()
        self.lost = 0
        self._loop = loop
        self._dice = dice
        self._note = note
        self._lines: dict[str, _Line] = {}
        self._latest: dict[tuple[str, str], float] = {}

    # --- connections -----------------------------------------------------------

    def connect(self, stream: Endpoint) -> None:
        self._lines[stream.jid] = _Line(stream)

    def disconnect(self, stream: Endpoint) -> None:
        self._lines.pop(stream.jid, None)

    def cut(self, stream: Endpoint) -> None:
        """The line is dead; the server waits for the stream to be resumed."""
        line = self._lines.get(stream.jid)
        if line is not None and line.up:
            line.up = False
            stream.change(online=False)

    def resume(self, stream: Endpoint) -> None:
        """XEP-0198: the same stream goes on, and nothing is lost."""
        line = self._lines.get(stream.jid)
        if line is None or line.up:
            return
        line.up = True
        inbound, line.inbound = line.inbound, []
        outbound, line.outbound = line.outbound, []
        stream.change(online=True, resumed=True)
        for element, what in outbound:
            self._carry(stream, element, what)
        for element, what in inbound:
            self._deliver(line, element, what)

    def reconnect(self, stream: Endpoint) -> None:
        """A new stream: what was on its way is lost, and its senders are told."""
        line = self._lines.get(stream.jid)
        if line is None or line.up:
            return
        self._lines[stream.jid] = _Line(stream)
        self.lost += len(line.outbound)
        for element, what in line.inbound:
            self._bounce(element, what)
        stream.change(online=True)

    # --- stanzas ---------------------------------------------------------------

    def send(self, stream: Endpoint, stanza: Element, what: str) -> None:
        element: Element = fromstring(tostring(stanza))  # noqa: S314 - our own
        element.set("from", stream.jid)
        line = self._lines.get(stream.jid)
        if line is None or line.stream is not stream:
            return
        if not line.up:
            line.outbound.append((element, what))
            return
        self._carry(stream, element, what)

    def _carry(self, stream: Endpoint, element: Element, what: str) -> None:
        if self.loses():
            self.lost += 1
            self._note(f"lost: {what}")
            return
        copies = [element]
        if self._chance(self.faults.duplicate):
            copies.append(deepcopy(element))
        for each in copies:
            when = self._arrival(stream.jid, each)
            self._loop.call_at(when, self._arrive, each, what)

    def _arrival(self, sender: str, element: Element) -> float:
        """When: streams keep their order (RFC 6120 §10.1), unless the faults do not."""
        way = sender, element.get("to", "")
        when = self._loop.time() + self.way()
        if not self._chance(self.faults.reorder):
            when = max(when, self._latest.get(way, 0.0))
            self._latest[way] = when
        return when

    def _arrive(self, element: Element, what: str) -> None:
        line = self._lines.get(element.get("to", ""))
        if line is None:
            self._bounce(element, what)
        elif not line.up:
            line.inbound.append((element, what))
        elif not line.stream.life.on:
            self._vanish(line, element, what)
        else:
            self._deliver(line, element, what)

    def _vanish(self, line: _Line, element: Element, what: str) -> None:
        """A server notices sooner or later that nobody is there any more."""
        if self._dice.random() < 0.5:
            self.lost += 1
            return
        self._lines.pop(line.stream.jid, None)
        self._bounce(element, what)

    def _deliver(self, line: _Line, element: Element, what: str) -> None:
        context = line.stream.life.context
        self._loop.call_soon(line.stream.receive, element, what, context=context)

    def _bounce(self, element: Element, what: str) -> None:
        """RFC 6120 §8.3.3.19, in the name of whoever is not there."""
        if element.tag != f"{_CLIENT}iq" or element.get("type") not in {"set", "get"}:
            self.lost += 1
            return
        sender, to = element.get("from", ""), element.get("to", "")
        error = Element(f"{_CLIENT}iq", type="error", to=sender)
        error.set("from", to)
        error.set("id", element.get("id", ""))
        child = SubElement(error, f"{_CLIENT}error", type="cancel")
        SubElement(child, f"{{{_STANZAS}}}service-unavailable")
        line = self._lines.get(sender)
        if line is not None and line.stream.life.on:
            self._loop.call_later(self.way(), self._arrive, error, f"nobody for {what}")

    # --- for streams of bytes --------------------------------------------------

    def find(self, jid: str) -> Endpoint | None:
        """Who is online under this address."""
        line = self._lines.get(jid)
        there = line is not None and line.up and line.stream.life.on
        return line.stream if line is not None and there else None

    def way(self) -> float:
        """Seconds from one device to another."""
        return self._dice.uniform(*self.faults.delay)

    def loses(self) -> bool:
        """Whether something is lost now."""
        return self._chance(self.faults.loss)

    def _chance(self, probability: float) -> bool:
        return probability > 0 and self._dice.random() < probability
