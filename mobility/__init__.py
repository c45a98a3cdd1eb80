"""Move running sessions between devices, over XMPP."""

from mobility.app import App, AppFactory, Part
from mobility.client import Client
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
from mobility.feeding.filtering import Filter
from mobility.files import File
from mobility.mobilis import Mobilis
from mobility.moved import MovedSession
from mobility.own.arrival import IncomingOffer
from mobility.own.asking import Asked
from mobility.own.device import Device
from mobility.own.directory import ListedSession
from mobility.own.lost import LostSession
from mobility.parts.declared import part
from mobility.parts.whole import PartedApp
from mobility.protocol.blob import Blob
from mobility.protocol.capture import Capture, Direction, LogLimits
from mobility.protocol.carrier import Carrier
from mobility.protocol.code import Address, DeviceCode, SessionCode
from mobility.protocol.code import read as read_code
from mobility.protocol.delegation import Level
from mobility.protocol.filtering import Way
from mobility.protocol.invitation import Invitation
from mobility.protocol.place import Coordinates, Spot
from mobility.protocol.session import Stanza, State
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.sharing import Parting, Person
from mobility.public.display import PublicDisplay, Where
from mobility.public.hosting import Visit
from mobility.public.places import DisplayList, ListedDisplay
from mobility.public.placing import Listing
from mobility.public.scene import (
    Comparing,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Wiping,
)
from mobility.service.membership import Participant
from mobility.service.service import Service, Spoken
from mobility.session import Session
from mobility.sharing.joining import SharedBy
from mobility.sharing.participation import Participation
from mobility.sharing.sharing import Sharing
from mobility.split.place import Place
from mobility.split.report import Heard, Report
from mobility.split.split import Split
from mobility.transfer import Progress
from mobility.visit.history import Ending, Visited
from mobility.visit.introduction import Approval, Introduction
from mobility.visit.screen import Screen
from mobility.visit.visits import ActiveVisit, Revoked, VisitList

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
    "Filter",
    "Heard",
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
    "PartedApp",
    "Participant",
    "Participation",
    "Parting",
    "PeerUnreachable",
    "Person",
    "Place",
    "Progress",
    "ProtocolError",
    "PublicDisplay",
    "RemoteProtocolError",
    "Report",
    "Revoked",
    "Scene",
    "SchemaMismatch",
    "Screen",
    "ServerError",
    "Service",
    "Session",
    "SessionAway",
    "SessionCode",
    "SettingsError",
    "ShareKind",
    "SharedBy",
    "Sharing",
    "Split",
    "Spoken",
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
    "Way",
    "Where",
    "Wiping",
    "part",
    "read_code",
]
