"""
The one pair of translators between our errors and stanza errors (RFC 6120 §8.3).

The text of an error travels with it, since it is a sentence for a person. What the
table does not name travels as ``internal-server-error`` without any text. A bug of ours
is logged and answered by slixmpp, as ``undefined-condition``; that says nothing either.
"""

from __future__ import annotations

from typing import Any, Final

from slixmpp.exceptions import IqError, IqTimeout, XMPPError

from mobility.errors import (
    CodeRefused,
    InvalidState,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferRefused,
    VisitRefused,
)
from mobility.xmpp import ns
from mobility.xmpp.text import legal

__all__ = ["SessionOver", "UnknownTransfer", "from_stanza", "to_stanza"]


class SessionOver(PeerUnreachable):
    """The server was asked in a session that has ended, so that no answer comes."""

    def __init__(self) -> None:
        super().__init__("The connection to your server was lost before it answered.")


class UnknownTransfer(MobilityError):
    """The other side knows nothing of this transfer."""


_CONDITIONS: Final[dict[type[MobilityError], tuple[Any, Any, str]]] = {
    VisitRefused: ("not-allowed", "cancel", "refused"),
    CodeRefused: ("not-allowed", "cancel", "code-refused"),
    UnknownTransfer: ("item-not-found", "cancel", "unknown"),
    InvalidState: ("bad-request", "modify", "invalid"),
    RemoteProtocolError: ("unexpected-request", "modify", "out-of-turn"),
    PeerUnreachable: ("recipient-unavailable", "wait", "not-yet"),
}
# Why a session that was asked for is not given; `TransferRefused.condition` is ours.
_REFUSALS: Final[dict[str, tuple[Any, Any]]] = {
    "not-here": ("item-not-found", "cancel"),
    "taken": ("conflict", "cancel"),
    "declined": ("not-allowed", "cancel"),
    "not-acceptable": ("not-acceptable", "cancel"),
    "busy": ("resource-constraint", "wait"),
}
_BACK: Final = {element: error for error, (_, _, element) in _CONDITIONS.items()}
_NOT_UNDERSTOOD: Final = frozenset(
    {"feature-not-implemented", "internal-server-error", "undefined-condition"}
)
_LONGEST = 300  # characters of a stranger's sentence


def to_stanza(exc: MobilityError) -> XMPPError:
    """The stanza error that tells the peer what `exc` tells us."""
    if isinstance(exc, TransferRefused) and exc.condition in _REFUSALS:
        return _said(exc, *_REFUSALS[exc.condition], exc.condition)
    for error, said in _CONDITIONS.items():
        if isinstance(exc, error):
            return _said(exc, *said)
    return XMPPError("internal-server-error", etype="cancel")


def _said(exc: MobilityError, condition: Any, etype: Any, element: str) -> XMPPError:
    return XMPPError(
        condition,
        text=legal(str(exc)),
        etype=etype,
        extension=element,
        extension_ns=ns.ERRORS,
    )


def from_stanza(exc: IqError | IqTimeout) -> MobilityError:
    """The error that a stanza error, or silence, means to us."""
    if isinstance(exc, IqTimeout):
        return PeerUnreachable("The other device does not answer.")
    error = exc.iq["error"]
    said = "".join(c if c.isprintable() else " " for c in str(error["text"]))
    text = " ".join(said.split())[:_LONGEST]
    for child in error.xml:
        space, _, name = child.tag[1:].partition("}")
        if space == ns.ERRORS and name in _BACK:
            return _BACK[name](text or "The other device refused.")
        if space == ns.ERRORS and name in _REFUSALS:
            return TransferRefused(text or "The other device refused.", condition=name)
    if error["condition"] in _NOT_UNDERSTOOD:
        return RemoteProtocolError("The other device does not understand this request.")
    return PeerUnreachable("The other device cannot be reached.")
