from slixmpp.plugins.base import register_plugin

from mobility.protocol.delegation import Delegation, Minted, Policy
from mobility.xmpp.feature import Feature


class MobilityDelegation(Feature):
    name = "mobility_delegation"
    description = "x"

    async def supported(self) -> bool:
        return False

    async def mint(self, policy: Policy) -> Minted:
        raise NotImplementedError

    async def announce(self, policy: Policy, nonce: str) -> str:
        raise NotImplementedError

    async def delegations(self) -> list[Delegation]:
        return []

    async def revoke(self, id: str) -> None: ...


register_plugin(MobilityDelegation)
__all__ = ["MobilityDelegation"]
