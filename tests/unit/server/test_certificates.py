"""Certificates: what they name, how long they last, when they are renewed."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from mobility.server.certificates import ensure_certificates

NAMES = ["localhost", "upload.localhost", "127.0.0.1", "::1"]
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def load(folder: Path, stem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{stem}.crt").read_bytes())


def test_a_client_that_trusts_the_authority_accepts_the_server(tmp_path: Path) -> None:
    assert ensure_certificates(tmp_path, NAMES, now=NOW)
    builder = PolicyBuilder().store(Store([load(tmp_path, "ca")])).time(NOW)
    server = load(tmp_path, "server")
    for name in NAMES[:2]:
        builder.build_server_verifier(x509.DNSName(name)).verify(server, [])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    builder.build_server_verifier(address).verify(server, [])
    key = server.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*~"))


def test_nothing_is_written_while_all_is_well(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    assert not ensure_certificates(tmp_path, NAMES, now=NOW + timedelta(days=334))


def test_the_server_is_renewed_under_the_same_authority(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    before, authority = load(tmp_path, "server"), load(tmp_path, "ca")
    later = NOW + timedelta(days=336)
    assert ensure_certificates(tmp_path, NAMES, now=later)
    after = load(tmp_path, "server")
    assert after.not_valid_after_utc - later > timedelta(days=300)
    assert after.serial_number != before.serial_number
    assert load(tmp_path, "ca") == authority


def test_a_new_authority_signs_a_new_server(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    later = NOW + timedelta(days=3640)
    assert ensure_certificates(tmp_path, NAMES, now=later)
    load(tmp_path, "server").verify_directly_issued_by(load(tmp_path, "ca"))


def test_another_name_needs_another_certificate(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    assert ensure_certificates(tmp_path, [*NAMES, "chat.example.org"], now=NOW)


def test_a_damaged_or_foreign_key_is_replaced(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, NAMES, now=NOW)
    for damage in (b"", b"nonsense", (tmp_path / "ca.key").read_bytes()):
        (tmp_path / "server.key").write_bytes(damage)
        assert ensure_certificates(tmp_path, NAMES, now=NOW)
        assert not ensure_certificates(tmp_path, NAMES, now=NOW)
