"""
Every exception this package raises on purpose.

* :exc:`MobilityError`
    * :exc:`ProtocolError`
        * :exc:`LocalProtocolError` -- our caller broke the rules
        * :exc:`RemoteProtocolError` -- the peer broke the rules
    * :exc:`InvalidInvitation`
    * :exc:`CodeRefused`
    * :exc:`ConnectionFailed`
    * :exc:`LoginRefused`
    * :exc:`PeerUnreachable`
        * :exc:`CarrierLost`
    * :exc:`DirectoryUnavailable`
    * :exc:`UnknownDevice`
    * :exc:`UnknownSession`
    * :exc:`VisitError`
        * :exc:`VisitRefused`
        * :exc:`VisitDeclined`
        * :exc:`VisitEnded`
        * :exc:`LevelUnavailable`
    * :exc:`TransferError`
        * :exc:`TransferRefused`
        * :exc:`TransferAborted`
        * :exc:`TransferExpired`
        * :exc:`SessionAway`
    * :exc:`InvalidState`
        * :exc:`SchemaMismatch`
    * :exc:`JournalError`
    * :exc:`SettingsError`
    * :exc:`ServerError`

The text of an error is the sentence that a person reads: it says what happened and
what to do. No secret is ever part of it.
"""

from __future__ import annotations

__all__ = [
    "CarrierLost",
    "CodeRefused",
    "ConnectionFailed",
    "DirectoryUnavailable",
    "InvalidInvitation",
    "InvalidState",
    "JournalError",
    "LevelUnavailable",
    "LocalProtocolError",
    "LoginRefused",
    "MobilityError",
    "PeerUnreachable",
    "ProtocolError",
    "RemoteProtocolError",
    "SchemaMismatch",
    "ServerError",
    "SessionAway",
    "SettingsError",
    "TransferAborted",
    "TransferError",
    "TransferExpired",
    "TransferRefused",
    "UnknownDevice",
    "UnknownSession",
    "VisitDeclined",
    "VisitEnded",
    "VisitError",
    "VisitRefused",
]


class MobilityError(Exception):
    """Base of everything raised on purpose."""


class ProtocolError(MobilityError):
    """A rule of the protocol was broken; the subclass says by whom."""


class LocalProtocolError(ProtocolError):
    """Our caller asked for a step that the current state does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer took a step that the current state does not allow."""


class InvalidInvitation(MobilityError):
    """The scanned text is not a code of ours, or is damaged."""


class CodeRefused(MobilityError):
    """The code of an own device is not good: used, expired, or another one's."""


class ConnectionFailed(MobilityError):
    """The XMPP server could not be reached, or would not let us in."""


class LoginRefused(MobilityError):
    """What asked this device to prove who it is cannot be trusted; it got no proof."""


class PeerUnreachable(MobilityError):
    """The other device did not answer: it is off, away or cut off."""


class CarrierLost(PeerUnreachable):
    """A stream of bytes was cut, or could not be opened; another way may do."""


class DirectoryUnavailable(MobilityError):
    """The account's server does not keep what the user's devices tell one another."""


class UnknownDevice(MobilityError):
    """None of the user's devices is called so, or several are."""


class UnknownSession(MobilityError):
    """No session of the user is called so, or several are."""


class VisitError(MobilityError):
    """Phone and display did not come together; nothing has moved."""


class VisitRefused(VisitError):
    """The display said no, or is not the one whose code was scanned."""


class VisitDeclined(VisitError):
    """The user said no, or typed three wrong codes."""


class VisitEnded(VisitError):
    """The visit is over: one side left, or its time ran out."""


class LevelUnavailable(VisitError):
    """The screen, or the account's server, does not know this kind of login."""


class TransferError(MobilityError):
    """The session stays where it was."""


class TransferRefused(TransferError):
    """
    The target said no.

    Args:
        text: The sentence for the user.
        condition: The wire's word for it: busy, declined, no-such-app, schema,
            too-large or not-allowed; of a session that was asked for, also not-here,
            taken or not-acceptable.

    """

    def __init__(self, text: str, *, condition: str = "declined") -> None:
        super().__init__(text)
        self.condition = condition


class TransferAborted(TransferError):
    """One side withdrew after the offer was accepted."""


class TransferExpired(TransferError):
    """No answer came before the deadline."""


class SessionAway(TransferError):
    """
    The session was handed over and its new owner does not answer.

    It can be reclaimed from its last checkpoint.
    """


class InvalidState(MobilityError):
    """The state is damaged, too large, or not what it says it is."""


class SchemaMismatch(InvalidState):
    """The state is laid out for another version of the app, and no path leads here."""


class JournalError(MobilityError):
    """This device cannot write down what it must not forget."""


class SettingsError(MobilityError):
    """A settings file or variable has a value that cannot be used."""


class ServerError(MobilityError):
    """The private XMPP server could not be set up or started."""
