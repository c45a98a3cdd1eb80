"""The names that apps import: a change here is a change for everybody."""

from __future__ import annotations

import mobility
import mobility.testing


def test_the_public_names_are_these_and_no_others() -> None:
    assert mobility.__all__ == [
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
        "Device",
        "DeviceCode",
        "Direction",
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
        "ListedSession",
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


def test_every_public_name_is_there() -> None:
    assert all(hasattr(mobility, name) for name in mobility.__all__)
    assert len(set(mobility.__all__)) == len(mobility.__all__)


def test_the_names_for_tests_of_apps_are_these_and_no_others() -> None:
    assert mobility.testing.__all__ == [
        "Deadlock",
        "Device",
        "Display",
        "Faults",
        "Ledger",
        "Phone",
        "PowerCut",
        "Simulation",
        "Stuck",
        "hostile",
    ]
