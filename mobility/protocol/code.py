"""
What a scanned text is (docs/protocol/codes.md).

Four codes of ours (an invitation to a screen, the codes of a user's own devices and of
what runs there, and that of what somebody shares), a plain address, or something that
is none of this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mobility.errors import InvalidInvitation
from mobility.protocol import uri
from mobility.protocol.envelope import mac
from mobility.protocol.handshake import claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.sharecode import ShareCode
from mobility.protocol.uri import LONGEST, Parts

__all__ = ["Address", "Code", "DeviceCode", "SessionCode", "check_own", "prove", "read"]

_SESSION: Final = re.compile(r"[\w.~-]{1,64}", re.ASCII)
_SCAN_OURS: Final = "Scan the one that the screen or the device shows."
_FOREIGN: Final = {
    "a web address": ("http:", "https:", "www."),
    "for joining a Wi-Fi network": ("wifi:", "dpp:"),
    "a contact card": ("begin:vcard", "mecard:", "bizcard:"),
    "an e-mail address": ("mailto:", "matmsg:"),
    "a telephone number": ("tel:", "sms:", "smsto:", "mmsto:", "sip:", "sips:"),
    "a place on a map": ("geo:",),
    "a date for a calendar": ("begin:vevent", "begin:vcalendar"),
    "a secret for logging in elsewhere": ("otpauth:", "otpauth-migration:", "fido:"),
    "for paying": ("bcd\n", "bcd\r", "spc\n", "spc\r", "bitcoin:", "ethereum:"),
}


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """
    One of the user's own devices: "send to me".

    Args:
        jid: The account; or a full JID, whose resource may be outdated.
        key: Name of the device (`device_id`), which pins its identity key.
        token: 16 bytes, good for one scan; empty on what is printed or on a tag.

    """

    jid: str
    key: str
    token: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        secrets = {"k": self.key, "t": uri.encode(self.token)}
        return uri.link(self.jid, "mobility-device", **secrets)

    @property
    def account(self) -> str:
        """Bare JID of the account that the device is one of."""
        return self.jid.partition("/")[0]


@dataclass(frozen=True, slots=True)
class SessionCode:
    """
    What runs on one of the user's own devices: "take this".

    Args:
        jid: As of `DeviceCode`.
        session: Which one.
        key: Name of the device that decides about it.
        token: 16 bytes, good for one scan: it stands for the yes of who holds that
            device. Empty on what is printed.

    """

    jid: str
    session: str
    key: str
    token: bytes = field(default=b"", repr=False)

    def __str__(self) -> str:
        secrets = {"k": self.key, "t": uri.encode(self.token)}
        return uri.link(self.jid, "mobility-session", s=self.session, **secrets)

    @property
    def account(self) -> str:
        """Bare JID of the account that the session belongs to."""
        return self.jid.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Address:
    """
    A plain JID, as Mobilis showed it.

    Args:
        jid: A bare or a full one.

    """

    jid: str

    def __str__(self) -> str:
        return uri.link(self.jid)

    @property
    def warning(self) -> str:
        """The sentence that a person reads before anything goes there."""
        return (
            "This code is a plain address, as old devices show it: nothing proves "
            "whose it is, or that it belongs to the screen it is on."
        )


Code: TypeAlias = Invitation | DeviceCode | SessionCode | ShareCode | Address


def read(text: str) -> Code:
    """
    What was scanned.

    Raises:
        InvalidInvitation: It is none of ours, or damaged; the sentence says what to
            scan instead.

    """
    text = text.strip()
    _refuse_foreign(text)
    if len(text) > LONGEST:
        raise InvalidInvitation(
            f"This code is too long to be one of a screen or a device. {_SCAN_OURS}"
        )
    parts = uri.split(text) or Parts(text, "", ())
    match parts.action:
        case "":
            return _address(parts)
        case "mobility":
            return Invitation.parse(text)
        case "mobility-share":
            return ShareCode.parse(text)
        case "mobility-device":
            return _device(parts)
        case "mobility-session":
            return _session(parts)
    raise InvalidInvitation(
        f"This code is for a chat program, not of a screen or a device. {_SCAN_OURS}"
    )


def _refuse_foreign(text: str) -> None:
    begins = text[:32].lower()
    for what, prefixes in _FOREIGN.items():
        if begins.startswith(prefixes):
            raise InvalidInvitation(
                f"This code is {what}, not one of a screen or a device. {_SCAN_OURS}"
            )


def _address(parts: Parts) -> Address:
    if not uri.is_address(parts.jid):
        raise InvalidInvitation(
            f"This is not the code of a screen or a device. {_SCAN_OURS}"
        )
    return Address(parts.jid)


def _device(parts: Parts) -> DeviceCode:
    return DeviceCode(_jid(parts), *_secrets(parts.fields()))


def _session(parts: Parts) -> SessionCode:
    fields = parts.fields()
    session = fields.get("s", "")
    if not _SESSION.fullmatch(session):
        raise uri.damaged()
    return SessionCode(_jid(parts), session, *_secrets(fields))


def _jid(parts: Parts) -> str:
    if not uri.is_address(parts.jid):
        raise uri.damaged()
    return parts.jid


def _secrets(fields: dict[str, str]) -> tuple[str, bytes]:
    """KEY, as the device's name, and TOKEN if there is one."""
    key = fields.get("k", "")
    uri.decode(key)
    token = uri.decode(fields["t"]) if "t" in fields else b""
    return key, token


def check_own(code: DeviceCode | SessionCode, account: str) -> None:
    """
    See that a code is of the user's own account (a bare JID).

    Raises:
        InvalidInvitation: It is somebody else's.

    """
    if code.account.lower() != account.lower():
        raise InvalidInvitation(
            f"This code is of {claim(code.account)}, and you are {account}. "
            "Scan one that a device of your own shows."
        )


def prove(token: bytes, session: str, device_id: str) -> bytes:
    """
    What only who has seen a code can say; TOKEN itself never travels.

    Args:
        token: Of the code.
        session: Of the code; empty for that of a device.
        device_id: Of the device that scanned it: nobody else can use the proof.

    """
    return mac(token, "code proof", session, device_id)
