"""A private certificate authority, and the server's certificate signed by it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["CA_FILE", "ensure_certificates"]

CA_FILE = "ca.crt"
"""What a client passes as `ca_file`; public."""

_RENEW_BEFORE = timedelta(days=30)
_CA_LIFETIME = timedelta(days=3650)
_SERVER_LIFETIME = timedelta(days=365)

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def ensure_certificates(
    folder: Path, names: Sequence[str], *, now: datetime | None = None
) -> bool:
    """
    Make or renew the authority and `server.crt` for these domains and IP addresses.

    The authority is kept as long as it lasts, since clients hold on to its file.

    Returns:
        Whether anything was written: a running server must then be told.

    """
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _load(folder, "ca")
    if fresh := authority is None or _expires_soon(authority[0], now):
        authority = _make_authority(now)
        _save(folder, "ca", authority)
    assert authority is not None
    server = None if fresh else _load(folder, "server")
    if server and not _expires_soon(server[0], now) and _covers(server[0], names):
        return False
    _save(folder, "server", _make_server(authority, names, now))
    return True


def _make_authority(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Private authority of mobility server")
    builder = (
        _builder(name, name, key, now, _CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _make_server(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    issuer, issuer_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    lifetime = min(_SERVER_LIFETIME, issuer.not_valid_after_utc - now)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(
        issuer_key.public_key()
    )
    # A common name holds 64 characters; the names that count are the alternative ones.
    builder = (
        _builder(_name(names[0][:64]), issuer.subject, key, now, lifetime)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in names]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(issuer_id, critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256()), key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    lifetime: timedelta,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + lifetime)
        .add_extension(identifier, critical=False)
    )


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _covers(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    extension = certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return set(extension.value) == {_general_name(name) for name in names}


def _expires_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now <= _RENEW_BEFORE


def _load(folder: Path, stem: str) -> Pair | None:
    """Return what is there, or None where it is absent or damaged: make it anew."""
    try:
        certificate = x509.load_pem_x509_certificate(
            (folder / f"{stem}.crt").read_bytes()
        )
        key = serialization.load_pem_private_key(
            (folder / f"{stem}.key").read_bytes(), password=None
        )
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return (certificate, key) if certificate.public_key() == key.public_key() else None


def _save(folder: Path, stem: str, pair: Pair) -> None:
    certificate, key = pair
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _replace(folder / f"{stem}.key", private, mode=0o600)
    public = certificate.public_bytes(serialization.Encoding.PEM)
    _replace(folder / f"{stem}.crt", public, mode=0o644)


def _replace(path: Path, content: bytes, *, mode: int) -> None:
    scratch = path.with_name(path.name + "~")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    scratch.replace(path)
