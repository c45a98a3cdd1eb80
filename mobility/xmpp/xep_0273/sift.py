from __future__ import annotations

from asyncio import Future
from typing import Any, ClassVar

from slixmpp import JID, Iq
from slixmpp.plugins import BasePlugin
from slixmpp.xmlstream import register_stanza_plugin

from . import stanza

_PREFIX = "urn:xmpp:sift:"


class XEP_0273(BasePlugin):
    """
    XEP-0273: Stanza Interception and Filtering Technology (SIFT)

    Lets a client tell its server which inbound stanzas it does not want to receive:

    .. code-block:: python

        if await xmpp.plugin['xep_0273'].get_features():
            sift = stanza.Sift()
            sift.add_rule('message', sender='others')
            sift.add_rule('presence', allow=[('c', 'http://jabber.org/protocol/caps')])
            await xmpp.plugin['xep_0273'].enable(sift)

    """

    name = "xep_0273"
    description = "XEP-0273: Stanza Interception and Filtering Technology (SIFT)"
    dependencies: ClassVar[set[str]] = {"xep_0030"}
    stanza = stanza
    namespace = stanza.NS

    def plugin_init(self) -> None:
        register_stanza_plugin(Iq, stanza.Sift)

    async def get_features(self, **iqkwargs: Any) -> set[str]:
        """
        Get what the server can sift.

        :returns: The features that it advertises, without the prefix 'urn:xmpp:sift:':
            'stanzas:message', 'senders:others', 'payloads:qname'… Empty if it does
            not support this version of the protocol.
        """
        disco: Any = self.xmpp.plugin["xep_0030"]
        domain = JID(self.xmpp.boundjid.domain)
        info = await disco.get_info(jid=domain, **iqkwargs)
        features: set[str] = info["disco_info"]["features"]
        if self.namespace not in features:
            return set()
        return {
            feature.removeprefix(_PREFIX)
            for feature in features
            if feature.startswith(_PREFIX) and feature != self.namespace
        }

    def enable(
        self, sift: stanza.Sift, ifrom: JID | None = None, **iqkwargs: Any
    ) -> Future[Iq]:
        """
        Ask the server to enforce these rules, in place of all that it had.

        :param sift: All of them.
        """
        iq: Any = self.xmpp.make_iq_set(ito=self.xmpp.boundjid.bare, ifrom=ifrom)
        iq.append(sift)
        return iq.send(**iqkwargs)  # type: ignore[no-any-return]

    def disable(self, ifrom: JID | None = None, **iqkwargs: Any) -> Future[Iq]:
        """Ask the server to deliver everything again."""
        return self.enable(stanza.Sift(), ifrom=ifrom, **iqkwargs)
