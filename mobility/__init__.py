"""Move running sessions between devices, over XMPP."""

from mobility.app import App, AppFactory, Part
from mobility.client import Client, Introduction, Screen
from mobility.display import PublicDisplay
from mobility.errors import (
    ConnectionFailed,
    InvalidInvitation,
    InvalidState,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    ProtocolError,
    RemoteProtocolError,
    SchemaMismatch,
    ServerError,
    SessionAway,
    SettingsError,
    TransferAborted,
    TransferError,
    TransferExpired,
    TransferRefused,
    VisitDeclined,
    VisitEnded,
    VisitError,
    VisitRefused,
)
from mobility.hosting import Visit
from mobility.moved import MovedSession
from mobility.protocol.capture import Capture, Direction, LogLimits
from mobility.protocol.invitation import Invitation
from mobility.protocol.session import Stanza, State
from mobility.scene import (
    Comparing,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Wiping,
)
from mobility.session import Session

__all__ = [
    "App",
    "AppFactory",
    "Capture",
    "Client",
    "Comparing",
    "ConnectionFailed",
    "Direction",
    "Hosting",
    "Introduction",
    "InvalidInvitation",
    "InvalidState",
    "Invitation",
    "Inviting",
    "Leaving",
    "LocalProtocolError",
    "LogLimits",
    "MobilityError",
    "MovedSession",
    "Offline",
    "Part",
    "PeerUnreachable",
    "ProtocolError",
    "PublicDisplay",
    "RemoteProtocolError",
    "Scene",
    "SchemaMismatch",
    "Screen",
    "ServerError",
    "Session",
    "SessionAway",
    "SettingsError",
    "Stanza",
    "State",
    "TransferAborted",
    "TransferError",
    "TransferExpired",
    "TransferRefused",
    "Visit",
    "VisitDeclined",
    "VisitEnded",
    "VisitError",
    "VisitRefused",
    "Wiping",
]
