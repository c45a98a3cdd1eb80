"""Move running sessions between devices, over XMPP."""

from mobility.app import App, AppFactory, Part
from mobility.display import (
    Comparing,
    HostedSession,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    PublicDisplay,
    Scene,
    Visit,
    Wiping,
)
from mobility.errors import (
    ConnectionFailed,
    InvalidInvitation,
    InvalidState,
    MobilityError,
    SchemaMismatch,
    SettingsError,
)
from mobility.protocol.session import Stanza, State

__all__ = [
    "App",
    "AppFactory",
    "Comparing",
    "ConnectionFailed",
    "HostedSession",
    "Hosting",
    "InvalidInvitation",
    "InvalidState",
    "Inviting",
    "Leaving",
    "MobilityError",
    "Offline",
    "Part",
    "PublicDisplay",
    "Scene",
    "SchemaMismatch",
    "SettingsError",
    "Stanza",
    "State",
    "Visit",
    "Wiping",
]
