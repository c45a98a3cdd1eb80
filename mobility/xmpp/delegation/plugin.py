"""Asks our own server to give a resource away, and to take it back."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID

from mobility.errors import MobilityError, VisitEnded, VisitError
from mobility.protocol.delegation import Delegation, Minted, Policy
from mobility.xmpp.delegation import stanza
from mobility.xmpp.feature import SECONDS, Feature
from mobility.xmpp.requests import MobilityRequests

__all__ = ["MobilityDelegation"]

_REFUSED: Final = {
    "conflict": "Your server has this visit already. Scan the screen's code again.",
    "resource-constraint": "You have too many visits at once. End one of them.",
    "bad-request": "Your server does not accept such a visit; perhaps it is too long.",
    "forbidden": "A screen that is logged in as you cannot let others in.",
}


class MobilityDelegation(Feature):
    name = "mobility_delegation"
    description = "Resources of the account that displays may use"
    dependencies: ClassVar[set[str]] = {"mobility_requests", "xep_0030"}

    def plugin_init(self) -> None:
        self._supported: bool | None = None
        self.xmpp.add_event_handler("session_start", self._forget)

    def plugin_end(self) -> None:
        self.xmpp.del_event_handler("session_start", self._forget)

    def _forget(self, _: Any) -> None:
        self._supported = None

    async def supported(self) -> bool:
        """Whether our server has the modules; asked once a login."""
        if self._supported is None:
            disco = self.xmpp.plugin["xep_0030"]
            domain = JID(self.xmpp.boundjid.domain)
            try:
                info = await disco.get_info(jid=domain, local=False, timeout=SECONDS)
            except (IqError, IqTimeout):
                return False
            self._supported = stanza.is_offered(info["disco_info"].xml)
        return self._supported

    async def mint(self, policy: Policy) -> Minted:
        """
        Have a token made for one login, which must come within a minute.

        Raises:
            VisitError: If the server refuses; it says why.
            PeerUnreachable: If it does not answer.

        """
        return stanza.read_minted(await self._ask("set", stanza.mint(policy)))

    async def announce(self, policy: Policy, nonce: str) -> str:
        """
        Have the login with this SCRAM client nonce held to a policy.

        To be awaited before the proof is given away. Until it ends, and for minutes
        after, nobody logs in with this nonce without the policy.

        Returns:
            What `revoke` takes.

        Raises:
            VisitError, PeerUnreachable: As for `mint`.

        """
        result = await self._ask("set", stanza.announce(policy, nonce))
        return stanza.read_announced(result)

    async def delegations(self) -> list[Delegation]:
        """
        What our account has given away, the eldest first.

        Raises:
            VisitError, PeerUnreachable: As for `mint`.

        """
        found = stanza.read_delegations(await self._ask("get", stanza.inquiry()))
        return sorted(found, key=lambda each: -each.since)

    async def revoke(self, id: str) -> None:
        """
        End a delegation: its session is closed, its token or nonce is void.

        Raises:
            VisitEnded: If there is none.
            VisitError, PeerUnreachable: As for `mint`.

        """
        await self._ask("set", stanza.revocation(id))

    async def _ask(self, kind: str, element: Element) -> Element:
        try:
            return await MobilityRequests.of(self.xmpp).ask(kind, element)
        except IqError as exc:
            raise self._error(exc.iq["error"]["condition"]) from None

    def _error(self, condition: str) -> MobilityError:
        if condition == "item-not-found":
            return VisitEnded("This visit is over already.")
        return VisitError(
            _REFUSED.get(condition)
            or f"{self.xmpp.boundjid.domain} cannot let a screen log in as you now. "
            "Let it in as a guest."
        )
