"""Move running sessions between devices, over XMPP."""

from mobility.app import App, AppFactory, Part
from mobility.arrival import IncomingOffer
from mobility.asking import Asked
from mobility.client import Client
from mobility.device import Device
from mobility.directory import ListedSession
from mobility.display import PublicDisplay, Where
from mobility.errors import (
    CodeRefused,
    ConnectionFailed,
    InvalidInvitation,
    InvalidState,
    LevelUnavailable,
    LocalProtocolError,
    LoginRefused,
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
    UnknownDevice,
    VisitDeclined,
    VisitEnded,
    VisitError,
    VisitRefused,
)
from mobility.files import File
from mobility.history import Ending, Visited
from mobility.hosting import Visit
from mobility.introduction import Approval, Introduction
from mobility.joining import SharedBy
from mobility.lost import LostSession
from mobility.mobilis import Mobilis
from mobility.moved import MovedSession
from mobility.participation import Participation
from mobility.places import DisplayList, ListedDisplay
from mobility.placing import Listing
from mobility.protocol.blob import Blob
from mobility.protocol.capture import Capture, Direction, LogLimits
from mobility.protocol.carrier import Carrier
from mobility.protocol.code import Address, DeviceCode, SessionCode
from mobility.protocol.code import read as read_code
from mobility.protocol.delegation import Level
from mobility.protocol.invitation import Invitation
from mobility.protocol.place import Coordinates, Spot
from mobility.protocol.session import Stanza, State
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.sharing import Parting, Person
from mobility.scene import (
    Comparing,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Wiping,
)
from mobility.screen import Screen
from mobility.session import Session
from mobility.sharing import Sharing
from mobility.transfer import Progress
from mobility.visits import ActiveVisit, Revoked, VisitList

__all__ = [
    "ActiveVisit",
    "Address",
    "App",
    "AppFactory",
    "Approval",
    "Asked",
    "Blob",
    "Capture",
    "Carrier",
    "Client",
    "CodeRefused",
    "Comparing",
    "ConnectionFailed",
    "Coordinates",
    "Device",
    "DeviceCode",
    "Direction",
    "DisplayList",
    "Ending",
    "File",
    "Hosting",
    "IncomingOffer",
    "Introduction",
    "InvalidInvitation",
    "InvalidState",
    "Invitation",
    "Inviting",
    "Leaving",
    "Level",
    "LevelUnavailable",
    "ListedDisplay",
    "ListedSession",
    "Listing",
    "LocalProtocolError",
    "LogLimits",
    "LoginRefused",
    "LostSession",
    "Mobilis",
    "MobilityError",
    "MovedSession",
    "Offline",
    "Part",
    "Participation",
    "Parting",
    "PeerUnreachable",
    "Person",
    "Progress",
    "ProtocolError",
    "PublicDisplay",
    "RemoteProtocolError",
    "Revoked",
    "Scene",
    "SchemaMismatch",
    "Screen",
    "ServerError",
    "Session",
    "SessionAway",
    "SessionCode",
    "SettingsError",
    "ShareKind",
    "SharedBy",
    "Sharing",
    "Spot",
    "Stanza",
    "State",
    "TransferAborted",
    "TransferError",
    "TransferExpired",
    "TransferRefused",
    "UnknownDevice",
    "Visit",
    "VisitDeclined",
    "VisitEnded",
    "VisitError",
    "VisitList",
    "VisitRefused",
    "Visited",
    "Where",
    "Wiping",
    "read_code",
]
