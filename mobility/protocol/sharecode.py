"""
The code of what somebody shares, which another person scans.

``xmpp:juliet@capulet.example/phone?mobility-share;v=0;t=TOKEN;k=KEY;h=direct``: as on a
public display, and how it is shared.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from mobility.errors import InvalidInvitation
from mobility.protocol import uri
from mobility.protocol.invitation import Invitation

__all__ = ["ShareCode", "ShareKind"]

_ACTION: Final = "mobility-share"


class ShareKind(enum.Enum):
    """How a session is shared."""

    COPY = "copy"
    DIRECT = "direct"
    ROOM = "room"


@dataclass(frozen=True, slots=True)
class ShareCode:
    """
    The code that a host shows.

    Args:
        invitation: Where the host can be reached, and proof that somebody saw it.
        kind: How the session is shared, as far as the code says.

    """

    invitation: Invitation
    kind: ShareKind

    def __str__(self) -> str:
        it = self.invitation
        secrets = {"t": uri.encode(it.token), "k": uri.encode(it.key)}
        return uri.link(it.jid, _ACTION, **secrets, h=self.kind.value)

    @property
    def account(self) -> str:
        """Bare JID of who shares it."""
        return self.invitation.jid.partition("/")[0]

    @classmethod
    def parse(cls, text: str) -> ShareCode:
        """
        Read a scanned code.

        Raises:
            InvalidInvitation: With a sentence that tells what to scan instead.

        """
        parts = uri.split(text.strip())
        if parts is None or parts.action != _ACTION:
            raise InvalidInvitation(
                "This is not the code of a session that somebody shares. Ask them to "
                "share it, and scan the code that they show."
            )
        fields = parts.fields()
        kinds = [kind for kind in ShareKind if kind.value == fields.get("h")]
        if len(text.strip()) > uri.LONGEST or not kinds or not uri.is_full(parts.jid):
            raise uri.damaged()
        token, key = uri.decode(fields.get("t", "")), uri.decode(fields.get("k", ""))
        return cls(Invitation(parts.jid, token, key), kinds[0])
