"""Both ends of a visit's handshake, without a wire between them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.protocol.handshake import Host, Visitor
from mobility.protocol.invitation import Invitation, fingerprint
from mobility.protocol.visit import Description, Terms

IDENTITY = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
PUBLIC = IDENTITY.public_key().public_bytes_raw()
TOKEN = bytes(range(100, 116))
LOBBY = Invitation("lobby@kiosk.example/r1", TOKEN, fingerprint(PUBLIC))
PHONE = "juliet@capulet.example/phone"
ABOUT = Description("Lobby screen", "Capulet & Sons", "Hall", {"urn:app": 2})
TERMS = Terms(3600.0, ("urn:app",))


def visitor(
    invitation: Invitation = LOBBY, *, jid: str = PHONE, private: bytes = b"p" * 32
) -> Visitor:
    return Visitor(
        invitation, jid=jid, device="Juliet's phone", private=private, nonce=b"n" * 32
    )


def host(
    invitation: Invitation = LOBBY,
    *,
    identity: Ed25519PrivateKey = IDENTITY,
    about: Description = ABOUT,
    private: bytes = b"d" * 32,
) -> Host:
    return Host(
        invitation,
        identity=identity,
        description=about,
        private=private,
        nonce=b"m" * 32,
    )


def met(phone: Visitor, display: Host, *, jid: str = PHONE) -> str:
    """Everything up to the digits; returns them."""
    welcome = display.receive_visit(phone.visit(), jid)
    return display.receive_reveal(phone.receive_welcome(welcome))
