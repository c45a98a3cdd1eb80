"""
Stanzas of XEP-0273: Stanza Interception and Filtering Technology (SIFT).

.. code-block:: xml

    <iq type='set'>
      <sift xmlns='urn:xmpp:sift:2'>
        <message sender='others' recipient='bare'>
          <allow name='body' ns='jabber:client'/>
        </message>
        <presence/>
      </sift>
    </iq>

"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from slixmpp.xmlstream import ElementBase, register_stanza_plugin

NS: Final = "urn:xmpp:sift:2"

SENDERS: Final = frozenset({"all", "local", "others", "remote", "self"})
RECIPIENTS: Final = frozenset({"all", "bare", "full"})


class Sift(ElementBase):
    """
    All the rules that a client wants its server to enforce. Each request overrides
    the last one; an empty element disables SIFT.
    """

    name = "sift"
    namespace = NS
    plugin_attrib = "sift"
    interfaces: ClassVar[set[str]] = set()

    def add_rule(
        self,
        kind: str,
        sender: str = "all",
        recipient: str = "all",
        allow: Iterable[tuple[str, str]] = (),
    ) -> SiftRule:
        """
        Sift one kind of stanza.

        :param kind: One of 'iq', 'message', 'presence' and 'sub'.
        :param sender: Whose stanzas are sifted: 'all', 'local', 'others', 'remote' or
            'self'.
        :param recipient: How they are addressed: 'all', 'bare' or 'full'.
        :param allow: Name and namespace of each payload that is delivered all the same.
        :raises ValueError: If there is no such kind, sender or recipient.
        """
        if kind not in _KINDS:
            raise ValueError(f"not a kind of stanza: {kind!r}")
        rule: SiftRule = self[kind]
        rule["sender"] = sender
        rule["recipient"] = recipient
        for name, ns in allow:
            rule.add_allow(name, ns)
        return rule


class SiftRule(ElementBase):
    """What is sifted of one kind of stanza. See the subclasses."""

    namespace = NS
    interfaces: ClassVar[set[str]] = {"sender", "recipient"}

    def get_sender(self) -> str:
        return self._get_attr("sender", "all")

    def set_sender(self, value: str) -> None:
        self._set_choice("sender", value, SENDERS)

    def get_recipient(self) -> str:
        return self._get_attr("recipient", "all")

    def set_recipient(self, value: str) -> None:
        self._set_choice("recipient", value, RECIPIENTS)

    def _set_choice(self, name: str, value: str, choices: frozenset[str]) -> None:
        if value not in choices:
            raise ValueError(f"not a {name} of XEP-0273: {value!r}")
        if value == "all":  # the default
            self._del_attr(name)
        else:
            self._set_attr(name, value)

    def add_allow(self, name: str, ns: str) -> Allow:
        """
        Deliver what contains this payload.

        :param name: Local name of the element.
        :param ns: Its namespace, 'jabber:client' for a message's body.
        """
        allow = Allow(None, self)
        allow["name"] = name
        allow["ns"] = ns
        return allow


class SiftIq(SiftRule):
    name = plugin_attrib = "iq"


class SiftMessage(SiftRule):
    name = plugin_attrib = "message"


class SiftPresence(SiftRule):
    """Presence notifications (available and unavailable)."""

    name = plugin_attrib = "presence"


class SiftSub(SiftRule):
    """Presence stanzas that manage subscriptions."""

    name = plugin_attrib = "sub"


class Allow(ElementBase):
    """A payload that is delivered in spite of the rule that contains it."""

    name = "allow"
    namespace = NS
    plugin_attrib = "allow"
    plugin_multi_attrib = "allows"
    interfaces: ClassVar[set[str]] = {"name", "ns"}


_RULES: Final = (SiftIq, SiftMessage, SiftPresence, SiftSub)
_KINDS: Final = frozenset(rule.plugin_attrib for rule in _RULES)

for _rule in _RULES:
    register_stanza_plugin(Sift, _rule)
    register_stanza_plugin(_rule, Allow, iterable=True)
