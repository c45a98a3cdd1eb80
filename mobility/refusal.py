"""Why an offer cannot be taken: condition and sentence."""

from __future__ import annotations

from collections.abc import Mapping

from mobility.app import App, AppFactory, Part
from mobility.errors import TransferRefused
from mobility.protocol.capture import Capture
from mobility.protocol.layout import FORMATS
from mobility.protocol.transfer import Offer

__all__ = ["apart", "check_way_back", "made", "needed", "readable", "refusal", "whole"]


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
    if offer.part and offer.part not in _parts(factory):
        return "no-such-app", f"{name} does not have this part of the app."
    if offer.size > largest:
        most = largest // 1000
        return "too-large", f"This is too large for {name}: it takes {most} kB."
    if not readable(factory, offer.schema):
        return "schema", apart(name, factory.schema, offer.schema)
    if Capture.of(offer.capture) is None or not {*offer.formats} & {*FORMATS}:
        return "not-acceptable", f"{name} cannot take a session in this form."
    return None


def made(factory: type[App] | AppFactory, part: str) -> App:
    """
    A fresh app, or that part of one.

    Raises:
        LookupError: It has no such part.

    """
    app = factory()
    return app._piece(part) if part else app


def whole(offer: Offer) -> str:
    """What a part that is offered is a part of; empty if it is a whole itself."""
    return offer.session.partition(".")[0] if offer.part else ""


def _parts(factory: type[App] | AppFactory) -> set[str]:
    """Those that it can make."""
    parts: tuple[Part, ...] = getattr(factory, "parts", ())
    return {part.name for part in parts if part.app is not None}


def needed(
    factories: Mapping[str, type[App] | AppFactory], app: str, schema: int
) -> type[App] | AppFactory:
    """
    Which app of ours a session would run in that is not offered yet.

    Raises:
        TransferRefused: If we have none.

    """
    factory = factories.get(app)
    if factory is None:
        raise TransferRefused(
            "This device does not have the app that this needs.",
            condition="no-such-app",
        )
    if not readable(factory, schema):
        text = apart("This device", factory.schema, schema)
        raise TransferRefused(text, condition="schema")
    return factory


def readable(reader: App | type[App] | AppFactory, schema: int) -> bool:
    """Whether a state of that version can be used by an app."""
    return schema == reader.schema or schema in getattr(reader, "migrates", ())


def apart(name: str, there: int, here: int) -> str:
    """
    Why an app cannot go to a device, or come back from it.

    Args:
        name: Of that device.
        there, here: The versions of the app's state there, and of the session.

    """
    return (
        f"{name} has version {there} of this app's state, and this session has "
        f"version {here}. Update the app on the older side."
    )


def check_way_back(app: App, place: str, apps: Mapping[str, int]) -> None:
    """
    Whether a session that goes there can come back; who lacks the app will say so.

    Raises:
        TransferRefused: It cannot.

    """
    there = apps.get(app.uri, app.schema)
    if not readable(app, there):
        raise TransferRefused(apart(place, there, app.schema), condition="schema")
