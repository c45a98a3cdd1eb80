"""A user's device: visits displays, hands sessions over, and takes them back."""

from __future__ import annotations

from typing import Any, Self

from mobility.client.splits import Splits
from mobility.xmpp.sasl import Anonymous

__all__ = ["Client"]


class Client(Splits):
    """
    A user's device.

    Args:
        jid: The user's account; with a resource, or one is chosen.
        password: Of the account. It never leaves this device.
        device: How displays shall call it.
        host, port: Where the server is, if not where DNS says.
        ca_file: PEM file of the authority to trust instead of the system's.
        data: Folder of the journal; None keeps nothing over a restart.
        carriers: Ways for large states, in the order in which they are tried.
        kind: What this device is to the user's others: phone, pc, web ...
        apps: What it can run of what the others offer.
        size: Largest state that it takes from them, in bytes.
        on_ask: Says whether another device may have a session of this one, for good;
            they may, if nothing else is said. It may take a minute to ask a person.

    Raises (on entering):
        ConnectionFailed: With a sentence that says what to do.
        SettingsError: The data folder cannot be used, or another program has it.

    """

    @classmethod
    def guest(cls, domain: str, **options: Any) -> Self:
        """
        A device without an account: it can visit screens, and nothing else.

        A guest who is cut off for longer than the server waits is somebody else
        afterwards; what was on the screen is then taken back as last saved.

        Args:
            domain: Of `Invitation.guests`.
            options: As for a device with an account.

        """
        return cls(domain, Anonymous(), **options)
