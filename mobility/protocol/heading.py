"""What an offer seals: who reads it knows that nobody changed the offer on its way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from mobility.errors import InvalidState
from mobility.protocol.envelope import digest
from mobility.protocol.handshake import claim
from mobility.protocol.words import Offer

__all__ = ["Heading"]


@dataclass(frozen=True, slots=True)
class Heading:
    """
    What servers need not see of an offer.

    Args:
        title: What a person calls the session.
        manifest: SHA-256, in hex, of the state's manifest, which names all the rest.
        url: Where the frames wait already, if they were uploaded.
        given: It is to be the responder's for good, rather than lent.

    """

    title: str = field(default="", repr=False)
    manifest: str = ""
    url: str = ""
    given: bool = False

    def encode(self, offer: Offer) -> bytes:
        """Bound to the other fields of the offer."""
        fields = {"title": self.title, "manifest": self.manifest, "url": self.url}
        fields |= {"given": "yes"} if self.given else {}
        return json.dumps({**fields, "about": _about(offer)}).encode()

    @classmethod
    def decode(cls, raw: bytes, offer: Offer) -> Heading:
        """
        Read what `encode` wrote for exactly this offer.

        Raises:
            InvalidState: If it was written for another one.

        """
        try:
            fields = json.loads(raw)
            if fields["about"] == _about(offer):
                title, manifest, url = (
                    fields["title"],
                    fields["manifest"],
                    fields["url"],
                )
                given = fields.get("given") == "yes"
                return cls(claim(str(title)), str(manifest), str(url), given)
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise InvalidState("The offer was changed on its way; try again.")


def _about(offer: Offer) -> str:
    texts = (offer.session, offer.app, offer.capture)
    numbers = (str(n) for n in (offer.schema, offer.epoch, offer.size))
    lists = (" ".join(offer.formats), " ".join(offer.carriers))
    part = (offer.part,) if offer.part else ()
    return digest("offer", *texts, *numbers, *lists, *part).hex()
