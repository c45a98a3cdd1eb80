"""Why an offer cannot be taken: condition and sentence."""

from __future__ import annotations

from collections.abc import Mapping

from mobility.app import App, AppFactory
from mobility.protocol.capture import Capture
from mobility.protocol.layout import FORMATS
from mobility.protocol.transfer import Offer

__all__ = ["refusal"]


def refusal(
    name: str,
    factories: Mapping[str, type[App] | AppFactory],
    largest: int,
    offer: Offer,
) -> tuple[str, str] | None:
    """
    Condition and sentence; None if the offer can be taken.

    Args:
        name: What this device calls itself.
        factories: Its apps by their URIs.
        largest: Bytes of a state that it takes.
        offer: Nothing has moved yet.

    """
    factory = factories.get(offer.app)
    if factory is None:
        return "no-such-app", f"{name} does not have the app that this needs."
    if offer.size > largest:
        most = largest // 1000
        return "too-large", f"This is too large for {name}: it takes {most} kB."
    if offer.schema != factory.schema and not _migrates(factory, offer.schema):
        return "schema", (
            f"{name} has version {factory.schema} of this app's state, and this "
            f"session has version {offer.schema}. Update the app on the older side."
        )
    if Capture.of(offer.capture) is None or not {*offer.formats} & {*FORMATS}:
        return "not-acceptable", f"{name} cannot take a session in this form."
    return None


def _migrates(factory: type[App] | AppFactory, schema: int) -> bool:
    """Whether the app has a path from an older state to its own."""
    migrate = getattr(factory, "migrate", None)
    return (
        schema < factory.schema and migrate is not None and migrate is not App.migrate
    )
