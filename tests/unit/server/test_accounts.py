"""Accounts on disk: SCRAM keys, names, and no password anywhere."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import ServerError
from mobility.protocol.prepare import nodeprep, saslprep
from mobility.server.accounts import Accounts, _decode, _encode

CANARY = "canary-7f3a pass"


def stored(folder: Path) -> str:
    (path,) = folder.glob("data/localhost/accounts/*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text()


def test_an_account_has_keys_and_no_password(tmp_path: Path) -> None:
    assert Accounts(tmp_path).add("alice", CANARY) == "alice@localhost"
    text = stored(tmp_path)
    assert CANARY not in text
    assert re.search(r'\["stored_key"\] = "[0-9a-f]{64}"', text)
    assert re.search(r'\["server_key"\] = "[0-9a-f]{64}"', text)
    assert '["iteration_count"] = 10000' in text


def test_the_same_password_has_another_salt(tmp_path: Path) -> None:
    Accounts(tmp_path).add("alice", CANARY)
    before = stored(tmp_path)
    Accounts(tmp_path).change("alice", CANARY)
    assert stored(tmp_path) != before


def test_add_list_delete(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    assert accounts.jids() == []
    for name in ("zoë", "Bob", "alice.b-c"):
        accounts.add(name, CANARY)
    assert accounts.jids() == [f"{n}@localhost" for n in ("alice.b-c", "bob", "zoë")]
    roster = tmp_path / "data" / "localhost" / "roster" / "bob.dat"
    roster.parent.mkdir()
    roster.write_text("return {};")
    accounts.delete("bob")
    assert not roster.exists()
    assert "bob@localhost" not in accounts


def test_refusals_change_nothing_and_repeat_no_password(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    accounts.add("alice", CANARY)
    before = stored(tmp_path)
    for call, name, *password in (
        (accounts.add, "ALICE", CANARY),
        (accounts.change, "bob", CANARY),
        (accounts.change, "alice", ""),
        (accounts.change, "alice", CANARY + "\x07"),
        (accounts.delete, "bob"),
        (accounts.add, "../../etc", CANARY),
        (accounts.add, "", CANARY),
    ):
        with pytest.raises(ServerError) as caught:
            call(name, *password)
        assert CANARY not in str(caught.value)
    assert stored(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(ServerError, match="cannot be stored in"):
        Accounts(tmp_path).add("alice", CANARY)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_file_name_holds_any_name(name: str) -> None:
    encoded = _encode(name)
    assert re.fullmatch(r"[A-Za-z0-9%]+", encoded)
    assert _decode(encoded) == name


@given(st.text(max_size=30))
def test_no_name_escapes_its_file(name: str) -> None:
    try:
        prepared = nodeprep(name)
    except ValueError:
        return
    assert prepared
    assert not set(prepared) & set("/@\0\n")


PASSWORDS = {  # RFC 4013, section 3
    "I\xadX": "IX",
    "user": "user",
    "USER": "USER",
    "\xaa": "a",
    "\u2168": "IX",
    "a\u00a0b": "a b",
}


@pytest.mark.parametrize(("given_", "prepared"), PASSWORDS.items())
def test_a_password_is_prepared(given_: str, prepared: str) -> None:
    assert saslprep(given_) == prepared


@pytest.mark.parametrize("password", ["", "\x07", "\u0627\x31", "\xad", "a\nb"])
def test_a_password_that_no_client_sends_is_refused(password: str) -> None:
    with pytest.raises(ValueError, match=r"empty|prohibited|mixed"):
        saslprep(password)
