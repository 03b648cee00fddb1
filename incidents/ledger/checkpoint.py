"""
Signed checkpoints: what the head of a ledger was, in a form that is kept elsewhere and checked without us.

Text form: C2SP signed note (https://c2sp.org/signed-note) with the body of a C2SP tlog-checkpoint
(https://c2sp.org/tlog-checkpoint): origin, size, root. The root here is the head's chained digest, not the root of a
Merkle tree. The key file is PEM (PKCS 8, RFC 8410); who is trusted is never read from the ledger.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from incidents.errors import Invalid, Unavailable
from incidents.ledger import GENESIS, Head
from incidents.ledger.chain import stamp
from incidents.ledger.files import placed_whole

_ED25519 = b"\x01"  # signature type in C2SP signed-note
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half. ``repr`` shows the fingerprint only."""

    _private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.fingerprint})"

    @property
    def public(self) -> str:
        """The raw public key, 32 bytes in base64: what people pin, or its fingerprint."""
        return base64.b64encode(self._raw).decode()

    @property
    def public_pem(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._raw)

    @property
    def _raw(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    At ``at`` (None if not told) the newest event of ``ledger`` was number ``seq`` with this digest.

    ``export``: the digest of an incident's export that it was signed with, hex. ``fingerprint`` is that of the key
    that signed it, empty where nobody has checked.
    """

    ledger: str
    seq: int
    digest: str
    at: datetime | None
    fingerprint: str
    export: str | None = None


def fingerprint(raw: bytes) -> str:
    """SHA-256 of the raw public key, 64 hex digits."""
    return hashlib.sha256(raw).hexdigest()


def make_key(path: str | os.PathLike[str]) -> SigningKey:
    """
    Make a key and write its file, mode 0600; parents are made.

    Raises:
        Conflicting: The file exists: a key is never overwritten, its old checkpoints would lose their proof.
        Unavailable: It can't be written there.
    """
    absolute = Path(os.path.abspath(path))
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        absolute.parent.mkdir(parents=True, exist_ok=True)
        with placed_whole(absolute, "a new signing key") as unfinished:
            unfinished.write_bytes(pem)
    except OSError as error:
        raise Unavailable(f"{absolute}: the signing key can't be written there ({error.strerror})") from error
    return SigningKey(private)


def load_key(path: str | os.PathLike[str]) -> SigningKey:
    """
    Raises:
        Unavailable: Missing, unreadable, or no Ed25519 key.
    """
    absolute = Path(os.path.abspath(path))
    try:
        private = serialization.load_pem_private_key(absolute.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise Unavailable(
            f"{absolute}: there is no signing key; 'andon init' makes one, ANDON_SIGNING_KEY names another place"
        ) from error
    except OSError as error:
        raise Unavailable(f"{absolute}: the signing key can't be read ({error.strerror})") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Unavailable(f"{absolute}: not a signing key (wanted: Ed25519, PEM, without a password)") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise Unavailable(f"{absolute}: a key of another kind; checkpoints are signed with Ed25519")
    return SigningKey(private)


def sign(ledger: str, head: Head, key: SigningKey, *, at: datetime | None = None, export: str | None = None) -> str:
    """
    The signed text. Extension lines: ``time`` and ``export``, if given, and ``key``, for those who pin a fingerprint.

    Args:
        export: The digest of an incident's export whose newest event is ``head``, hex.
    """
    origin = f"andon/{ledger}"
    lines = [origin, str(head.seq), base64.b64encode(bytes.fromhex(head.digest)).decode()]
    if at is not None:
        lines.append(f"time {stamp(at)}")
    if export is not None:
        lines.append(f"export {export}")
    lines.append(f"key {key.public}")
    body = "".join(f"{line}\n" for line in lines)
    signature = _key_id(origin, base64.b64decode(key.public)) + key.sign(body.encode())
    return f"{body}\n— {origin} {base64.b64encode(signature).decode()}\n"


def parse_and_check(text: str, pinned: str) -> Checkpoint:
    """
    Read a checkpoint and check its signature against the key that the asker trusts.

    Args:
        pinned: Raw public key in base64, or PEM, or the 64 hex digits of its fingerprint.

    Raises:
        Invalid: Not a checkpoint, not signed with that key, or ``pinned`` is none of the three.
    """
    lines, body, signatures = _taken_apart(text)
    raw = _trusted(pinned.strip(), _extension(lines, "key"))
    _check_signature(lines[0], body, signatures, raw)
    return _checkpoint(lines, fingerprint(raw))


def parse(text: str) -> Checkpoint:
    """
    What a checkpoint says, whoever signed it: worth nothing as evidence.

    Raises:
        Invalid: Not a checkpoint.
    """
    lines, _, _ = _taken_apart(text)
    return _checkpoint(lines, "")


def _taken_apart(text: str) -> tuple[list[str], bytes, str]:
    """Lines of the body, the signed bytes, the signatures."""
    body, mark, signatures = text.partition("\n\n")
    lines = body.split("\n")
    if not mark or len(lines) < 3 or not lines[0].startswith("andon/") or lines[0] == "andon/":
        raise Invalid("not a checkpoint of Andon; it begins with a line 'andon/<ledger id>' and ends with a signature")
    return lines, f"{body}\n".encode(), signatures


def _checkpoint(lines: list[str], signed_by: str) -> Checkpoint:
    return Checkpoint(
        ledger=lines[0].removeprefix("andon/"),
        seq=_size(lines[1]),
        digest=_root(lines[2], lines[1]),
        at=_time(_extension(lines, "time")),
        fingerprint=signed_by,
        export=_extension(lines, "export"),
    )


def _key_id(name: str, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + raw).digest()[:4]


def _extension(lines: list[str], word: str) -> str | None:
    return next((line.removeprefix(f"{word} ") for line in lines[3:] if line.startswith(f"{word} ")), None)


def refuse_no_key(pinned: str) -> None:
    """
    Raises:
        Invalid: Neither a fingerprint nor a public key.
    """
    if not _HEX_64.fullmatch(pinned.strip().lower()):
        _raw_public(pinned.strip())


def _trusted(pinned: str, carried: str | None) -> bytes:
    """The raw public key that the signature must be of."""
    if not _HEX_64.fullmatch(pinned.lower()):
        return _raw_public(pinned)
    if carried is None:
        raise Invalid("the checkpoint carries no public key; give the public key itself instead of its fingerprint")
    raw = _base64(carried, "the public key in the checkpoint")
    if fingerprint(raw) != pinned.lower():
        raise Invalid(f"signed with another key: its fingerprint is {fingerprint(raw)}, pinned is {pinned.lower()}")
    return raw


def _raw_public(pinned: str) -> bytes:
    if pinned.startswith("-----BEGIN"):
        try:
            public = serialization.load_pem_public_key(pinned.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Invalid("the pinned key is no public key in PEM form") from error
        if not isinstance(public, Ed25519PublicKey):
            raise Invalid("the pinned key is of another kind; checkpoints are signed with Ed25519")
        return public.public_bytes_raw()
    raw = _base64(pinned, "the pinned key")
    if len(raw) != 32:
        raise Invalid(
            "the pinned key is neither a fingerprint (64 hex digits) nor a public key (base64 of 32 bytes, PEM)"
        )
    return raw


def _check_signature(origin: str, body: bytes, signatures: str, raw: bytes) -> None:
    """Signatures of other keys are passed over, as C2SP wants it: witnesses may have added theirs."""
    wanted = _key_id(origin, raw)
    for line in signatures.splitlines():
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if dash != "—" or name != origin:
            continue
        blob = _base64(encoded, "the signature")
        if blob[:4] != wanted:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(blob[4:], body)
        except (InvalidSignature, ValueError) as error:
            raise Invalid(
                "the checkpoint was changed after it was signed: the signature is not of this text"
            ) from error
        return
    raise Invalid(f"the checkpoint is not signed with the pinned key (fingerprint {fingerprint(raw)})")


def _size(text: str) -> int:
    if not _SIZE.fullmatch(text):
        raise Invalid(f"the checkpoint's size '{text}' is no decimal number")
    return int(text)


def _root(text: str, size: str) -> str:
    digest = _base64(text, "the checkpoint's root").hex()
    if len(digest) != 64 or (digest == GENESIS) != (size == "0"):
        raise Invalid(f"the checkpoint's root is no digest of event {size}")
    return digest


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid(f"the checkpoint's time '{text}' is no RFC 3339 time") from error


def _base64(text: str, what: str) -> bytes:
    """Of the several ways in which base64 writes some bytes, the one that encoders write."""
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{what} is not base64") from error
    if base64.b64encode(octets).decode() != text:
        raise Invalid(f"{what} is not base64 as it is written (its last bits are not zero)")
    return octets
