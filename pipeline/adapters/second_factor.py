"""Codes from a phone beside a password (RFC 6238), and how their secrets are kept."""

import base64
import io
from datetime import datetime

import pyotp
import segno
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.domain.errors import RuleError

_STEP_S = 30
# A phone's clock may be off by one step.
_OFF = 1


class Sealer:
    """Seals what the database keeps and may not give away by itself."""

    def __init__(self, secret_key: str) -> None:
        """Derive a key of its own from the one that signs sessions."""
        derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"roadwear second factor")
        self._fernet = Fernet(base64.urlsafe_b64encode(derived.derive(secret_key.encode())))

    def seal(self, text: str) -> str:
        """Return a text as only this key opens it."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str, *, within_s: int | None = None) -> str:
        """Return what was sealed.

        Args:
            sealed: By this key.
            within_s: Not longer ago than that.

        Raises:
            RuleError: It was sealed under another key, or too long ago.
        """
        try:
            return self._fernet.decrypt(sealed.encode(), ttl=within_s).decode()
        except InvalidToken as error:
            raise RuleError(
                "That page is too old, or the server's key has changed. Open the page anew; if it "
                "is your second factor, ask an administrator to take it off, and set it up anew."
            ) from error


def new_secret() -> str:
    """Return a secret for a phone, 160 bits in base 32."""
    return pyotp.random_base32()


def address_of(secret: str, email: str) -> str:
    """Return what an authenticator app reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name="Roadwear")


def picture_of(address: str) -> str:
    """Return the address as a QR code, an SVG picture as a data URI."""
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=5, border=4, light="#fff")
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return of which half minute a code is; None if it is none of these minutes'."""
    typed = "".join(code.split())
    here = int(now.timestamp()) // _STEP_S
    maker = pyotp.TOTP(secret)
    for step in range(here - _OFF, here + _OFF + 1):
        if pyotp.utils.strings_equal(maker.generate_otp(step), typed):
            return step
    return None
