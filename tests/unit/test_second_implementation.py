"""
The handshake written again from docs/protocol, byte by byte, without our own code.

What it computes is compared with the examples there, and these with what we say. So the
pages are enough for a second implementation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from xml.etree.ElementTree import Element

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mobility.protocol.envelope import Envelope
from mobility.xmpp import ns
from mobility.xmpp.visit import stanza as visit_xml
from tests.stanza.examples import PAGES, by_action, elements
from tests.unit import meeting

VISIT = by_action("visit.md", f"{{{ns.VISIT}}}visit")
TRANSFER = by_action("transfer.md", f"{{{ns.TRANSFER}}}transfer")
TEXT = (PAGES / "visit.md").read_text("utf-8")
VECTORS = json.loads(re.findall(r"^```json\n(.*?)^```$", TEXT, re.S | re.M)[0])

DISPLAY, PHONE = "lobby@kiosk.example/r1", "juliet@capulet.example/phone"
TOKEN = bytes(range(100, 116))
IDENTITY = Ed25519PrivateKey.from_private_bytes(b"i" * 32)
PUBLIC = IDENTITY.public_key().public_bytes_raw()
KEY = hashlib.sha256(PUBLIC).digest()[:16]
THEIRS = X25519PrivateKey.from_private_bytes(b"p" * 32)  # the phone's
OURS = X25519PrivateKey.from_private_bytes(b"d" * 32)


def H(label: str, *fields: bytes | str | int) -> bytes:
    whole = b"mobility " + label.encode() + b" 0\0"
    for value in fields:
        field = value if isinstance(value, bytes) else str(value).encode()
        whole += len(field).to_bytes(8, "big") + field
    return hashlib.sha256(whole).digest()


def KDF(secret: bytes, info: bytes, salt: bytes = bytes(32)) -> bytes:
    """RFC 5869 with one round, since 32 bytes are asked for."""
    key = hmac.digest(salt, secret, "sha256")
    return hmac.digest(key, info + b"\1", "sha256")


def unsealed(
    secret: bytes, sid: str, epoch: int, word: str, sealed: bytes, number: int = 0
) -> bytes:
    cipher = ChaCha20Poly1305(KDF(secret, H("envelope", sid, epoch, word)))
    about = H("frame", sid, epoch, number)
    return cipher.decrypt(number.to_bytes(12, "big"), sealed, about)


def b64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def field(element: Element, name: str) -> bytes:
    return b64(element.get(name))


COMMITMENT = H("commitment", THEIRS.public_key().public_bytes_raw(), b"n" * 32)
V = H("visit", DISPLAY, KEY, PHONE, COMMITMENT, "Juliet's phone")
W = H(
    "welcome",
    V,
    OURS.public_key().public_bytes_raw(),
    b"m" * 32,
    PUBLIC,
    *("Lobby screen", "Capulet & Sons", "Hall"),
    "guest",
    "urn:app 2",
)
T = H("reveal", W, THEIRS.public_key().public_bytes_raw(), b"n" * 32)
SECRET = KDF(OURS.exchange(THEIRS.public_key()), T, TOKEN)


def test_the_code() -> None:
    token, key = (
        base64.urlsafe_b64encode(x).decode().rstrip("=") for x in (TOKEN, KEY)
    )
    assert f"\nxmpp:{DISPLAY}?mobility;v=0;t={token};k={key}\n" in TEXT


def test_the_commitment_and_the_proof() -> None:
    visit = VISIT["visit"]
    assert field(visit, "commitment") == COMMITMENT
    said = H("proof", DISPLAY, PHONE, COMMITMENT, "Juliet's phone")
    proof = hmac.digest(KDF(TOKEN, b"mobility proof 0"), said, "sha256")
    assert field(visit, "proof") == proof


def test_the_signature() -> None:
    welcome = VISIT["welcome"]
    assert field(welcome, "signature") == IDENTITY.sign(W)
    assert field(welcome, "identity") == PUBLIC
    public = X25519PublicKey.from_public_bytes(field(welcome, "key"))
    assert public.public_bytes_raw() == OURS.public_key().public_bytes_raw()


def test_the_secret_and_the_digits() -> None:
    number = int.from_bytes(KDF(SECRET, b"mobility code 0")[:8], "big") % 100
    code = f"{number:02d}"
    assert {"token": TOKEN.hex(), "secret": SECRET.hex(), "code": code} == VECTORS


def test_the_terms() -> None:
    plain = unsealed(SECRET, "terms", 0, "approve", b64(VISIT["approve"].text))
    terms = {"level": "guest", "lifetime": 3600.0, "apps": ["urn:app"]}
    assert json.loads(plain) == terms


def test_the_receipt() -> None:
    receipt = IDENTITY.sign(H("wiped", H("visit id", SECRET)))
    assert b64(VISIT["wiped"].text) == receipt


def test_our_own_code_says_what_the_examples_say() -> None:
    phone, display = meeting.visitor(), meeting.host()
    visit = phone.visit()
    welcome = display.receive_visit(visit, PHONE)
    reveal = phone.receive_welcome(welcome)
    assert phone.compare(display.receive_reveal(reveal))
    said = [visit, welcome, reveal, phone.approve(meeting.TERMS)]
    assert phone.secret == display.secret == SECRET
    for event in said:
        example = VISIT[type(event).__name__.lower()]
        assert visit_xml.from_xml(example) == event
    envelope = Envelope(SECRET, TRANSFER["offer"].get("sid", ""), 7)
    for action, word in (("ready", "responder ready"), ("accept", "responder accept")):
        assert envelope.seal(word) == sealed(action)
    assert envelope.seal("initiator reclaim", b"8") == sealed("reclaim")
    assert envelope.seal("initiator release") == sealed("release")


def test_the_words_of_a_transfer() -> None:
    sid = TRANSFER["offer"].get("sid", "")
    for said, word, plain in (
        ("accept", "responder accept", b""),
        ("ready", "responder ready", b""),
        ("confirm", "responder confirm", b""),
        ("reclaim", "initiator reclaim", b"8"),
        ("release", "initiator release", b""),
    ):
        assert unsealed(SECRET, sid, 7, word, sealed(said)) == plain
    tail = unsealed(SECRET, sid, 7, "initiator commit", sealed("commit"))
    assert tail[:4] == b"\0\0\0\2"
    page = "{https://mobility.example/apps/presenter}page"
    assert json.loads(tail[4:]) == [[page, {"number": "13"}, "", []]]


def sealed(action: str) -> bytes:
    return b64(TRANSFER[action].findtext(f"{{{ns.TRANSFER}}}sealed"))


def test_the_offer_is_bound_to_what_it_says() -> None:
    offer = TRANSFER["offer"]
    names = ("session", "app", "capture", "schema", "epoch", "size")
    fields = [offer.get(name, "") for name in names]
    about = H("offer", *fields, "inline files", "direct iq").hex()
    plain = unsealed(
        SECRET, offer.get("sid", ""), 7, "initiator offer", sealed("offer")
    )
    manifest = state_of_the_example()[4:]
    heading = {"title": "Quarterly figures", "about": about, "url": ""}
    heading["manifest"] = hashlib.sha256(manifest).hexdigest()
    assert json.loads(plain) == heading
    assert int(offer.get("size", "")) == len(manifest)


def state_of_the_example() -> bytes:
    sid = TRANSFER["offer"].get("sid", "")
    return unsealed(SECRET, sid, 7, "state", sealed("data"))


def test_the_state() -> None:
    state = state_of_the_example()
    assert json.loads(state[4:])["title"] == "Quarterly figures"
    assert int.from_bytes(state[:4], "big") == len(state) - 4


def test_the_checkpoint() -> None:
    (example,) = elements("session.md", f"{{{ns.SESSION}}}checkpoint")
    sid = example.get("sid", "")
    plain = unsealed(SECRET, sid, 7, "checkpoint 1", b64(example.text))
    assert plain[:8] == b"\0\0\0\3\0\0\0\1"
    assert json.loads(plain[12:])["data"] == {"page": 12}
