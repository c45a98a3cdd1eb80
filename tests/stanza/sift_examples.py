"""What each example of XEP-0273 (version 0.4) asks for, and what that means."""

from __future__ import annotations

from typing import Final

from mobility.protocol.sift import OFF, Kind, Recipient, Rule, Sender, Sift

__all__ = ["EXAMPLES", "EXTENSIVE", "MINIMAL"]

_BODY: Final = "{jabber:client}body"
_SOAP: Final = frozenset({"{http://www.w3.org/2003/05/soap-envelope}Envelope"})

# §3.2: what a server says it can sift.
MINIMAL: Final = ("urn:xmpp:sift:2", "urn:xmpp:sift:stanzas:presence")
EXTENSIVE: Final = (
    "urn:xmpp:sift:2",
    "urn:xmpp:sift:recipients:all",
    "urn:xmpp:sift:senders:all",
    "urn:xmpp:sift:senders:others",
    "urn:xmpp:sift:stanzas:iq",
    "urn:xmpp:sift:stanzas:message",
    "urn:xmpp:sift:stanzas:presence",
    "urn:xmpp:sift:stanzas:sub",
)

# §3.3, §3.4 and §5: by what the XEP calls it.
EXAMPLES: Final[dict[str, tuple[str, Sift]]] = {
    "sifting of message and presence stanzas": (
        "<sift xmlns='urn:xmpp:sift:2'><message sender='others'/><presence/></sift>",
        Sift({Kind.MESSAGE: Rule(Sender.OTHERS), Kind.PRESENCE: Rule()}),
    ),
    "sifting for particular IQ payloads": (
        "<sift xmlns='urn:xmpp:sift:2'><iq>"
        "<allow name='jingle' ns='urn:xmpp:jingle:1'/>"
        "<allow name='query' ns='http://jabber.org/protocol/disco#info'/>"
        "</iq><message/></sift>",
        Sift(
            {
                Kind.IQ: Rule(
                    allow=frozenset(
                        {
                            "{urn:xmpp:jingle:1}jingle",
                            "{http://jabber.org/protocol/disco#info}query",
                        }
                    )
                ),
                Kind.MESSAGE: Rule(),
            }
        ),
    ),
    "sifting for SOAP": (
        "<sift xmlns='urn:xmpp:sift:2'><iq>"
        "<allow name='Envelope' ns='http://www.w3.org/2003/05/soap-envelope'/>"
        "</iq><message>"
        "<allow name='Envelope' ns='http://www.w3.org/2003/05/soap-envelope'/>"
        "</message></sift>",
        Sift({Kind.IQ: Rule(allow=_SOAP), Kind.MESSAGE: Rule(allow=_SOAP)}),
    ),
    "sifting for entity capabilities": (
        "<sift xmlns='urn:xmpp:sift:2'><presence>"
        "<allow name='c' ns='http://jabber.org/protocol/caps'/></presence></sift>",
        Sift(
            {
                Kind.PRESENCE: Rule(
                    allow=frozenset({"{http://jabber.org/protocol/caps}c"})
                )
            }
        ),
    ),
    "sifting out all but message bodies": (
        "<sift xmlns='urn:xmpp:sift:2'><message>"
        "<allow name='body' ns='jabber:client'/></message></sift>",
        Sift({Kind.MESSAGE: Rule(allow=frozenset({_BODY}))}),
    ),
    "disabling all SIFT processing": ("<sift xmlns='urn:xmpp:sift:2'/>", OFF),
    "emulating negative presence priority": (
        "<sift xmlns='urn:xmpp:sift:2'><message recipient='bare'/></sift>",
        Sift({Kind.MESSAGE: Rule(recipient=Recipient.BARE)}),
    ),
    "hushing the presence session": (
        "<sift xmlns='urn:xmpp:sift:2'><presence/></sift>",
        Sift({Kind.PRESENCE: Rule()}),
    ),
    "removing extraneous message extensions": (
        "<sift xmlns='urn:xmpp:sift:2'><message>"
        "<allow name='body' ns='jabber:client'/>"
        "<allow name='subject' ns='jabber:client'/>"
        "<allow name='thread' ns='jabber:client'/></message></sift>",
        Sift(
            {
                Kind.MESSAGE: Rule(
                    allow=frozenset(
                        {_BODY, "{jabber:client}subject", "{jabber:client}thread"}
                    )
                )
            }
        ),
    ),
}
