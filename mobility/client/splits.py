"""A device whose sessions run in parts on several devices."""

from __future__ import annotations

from collections.abc import Mapping

from mobility.app import App, AppFactory
from mobility.client.devices import Devices
from mobility.split.split import Split, Substitutes, Target

__all__ = ["Splits"]


class Splits(Devices):
    """What a device does with its sessions in parts."""

    async def split(
        self,
        app: App,
        places: Mapping[str, Target],
        *,
        substitutes: Substitutes | None = None,
    ) -> Split:
        """
        Split a running app: its parts go to several devices, all of them or none.

        Args:
            app: A `PartedApp`, which runs here. Parts that are not named stay here.
            places: For each part that goes, the display that we visit, or the own
                device that is online, to which it goes.
            substitutes: Where a part goes on if its device dies; here, if to nobody.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: One of them does not take
                its part; all parts run here as before.
            VisitEnded: A display is not visited any more.
            LocalProtocolError: It does not run here, is shared or split already, or has
                no such part.

        """
        raise NotImplementedError

    async def splits(
        self, *factories: type[App] | AppFactory, substitutes: Substitutes | None = None
    ) -> list[Split]:
        """
        Go on with what was split when this device stopped.

        What was still on its way together is here; what was decided arrives.

        Args:
            factories: The apps that can go on with their parts here.
            substitutes: As for `split`.

        """
        raise NotImplementedError
