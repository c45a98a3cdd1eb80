"""What a hostile display can do, each a switch of `tests.fakes.hostile_display`."""

from __future__ import annotations

import enum

__all__ = ["Trick"]


class Trick(enum.Enum):
    """One thing that it does; it keeps the rules otherwise."""

    # At the meeting and at the goodbye:
    IMPOSTOR = "signs with another identity than its code names"
    FORGED_RECEIPT = "makes a receipt up"
    OLD_RECEIPT = "shows the receipt of an earlier visit"
    NEVER_ANSWERS = "never answers the phone that leaves"
    ANSWERS_LATE = "answers it long after"
    FLOODS = "says without end that others scanned its code"

    # In the login that it carries:
    PLAIN = "says that the server wants the password itself"
    SHA_1 = "says that the server knows SHA-1 only"
    OTHER_DOMAIN = "stands before another server"
    OTHER_CERTIFICATE = "has an interceptor before it"
    ONE_ROUND = "asks for one round of hashing"
    MANY_ROUNDS = "asks for more rounds than a phone should compute"
    OTHER_SALT = "asks for a salt that it has tables for"
    OTHER_NONCE = "asks with a nonce of another login"
    EXTENSION = "asks for an extension that must be understood"
    SECOND_EXCHANGE = "asks for a second proof in one scan"
    UNSIGNED_SUCCESS = "says that it is in, without the server's signature"
    WRONG_SIGNATURE = "signs for the server"

    # With the account, once it is logged in:
    KEEPS_SESSION = "stays logged in when its visitor has left"
    SAYS_GOODBYE = "ends the visit itself, and stays logged in"
    OTHER_RESOURCE = "takes another resource than it was given"
    PASSWORD = "changes the password"
    ROSTER = "reads the contacts"
    ARCHIVE = "reads old messages"
    PEP = "publishes in the user's name"
    CARBONS = "has copies of all messages sent to it"

    # With its token:
    PASSES_TOKEN_ON = "has somebody else log in with it too"
