"""Signatures that a stranger checks with public tools: in a PDF, and beside a file."""

import fcntl
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from pipeline.domain.errors import InputError, OutageError

_BITS = 3072
_VALID = timedelta(days=3652)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A council's key and certificate.

    Attributes:
        key_pem: PKCS #8, without a password.
        certificate_pem: Of the key; those of whoever signed it may follow.
    """

    key_pem: bytes
    certificate_pem: bytes

    @property
    def certificates(self) -> list[x509.Certificate]:
        """The key's own first."""
        return x509.load_pem_x509_certificates(self.certificate_pem)

    @property
    def name(self) -> str:
        """Who signs, as the certificate says."""
        return self.certificates[0].subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256, in the way in which certificates are compared."""
        return self.certificates[0].fingerprint(hashes.SHA256()).hex(":").upper()

    def sign_file(self, content: bytes) -> bytes:
        """Return a signature beside a file: CMS, DER, detached (RFC 5652)."""
        key = serialization.load_pem_private_key(self.key_pem, password=None)
        own, *others = self.certificates
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(own, key, hashes.SHA256())  # type: ignore[arg-type]
        for other in others:
            builder = builder.add_certificate(other)
        return builder.sign(
            serialization.Encoding.DER,
            [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary],
        )

    def sign_pdf(self, pdf: bytes) -> bytes:
        """Return a PDF with a signature in it (PAdES, ETSI EN 319 142)."""
        # pyHanko takes half a second to import, and serves nothing but this.
        from asn1crypto import keys, pem  # noqa: PLC0415
        from asn1crypto import x509 as asn1_x509  # noqa: PLC0415
        from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: PLC0415
        from pyhanko.sign import fields, signers  # noqa: PLC0415
        from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: PLC0415

        own, *others = [
            asn1_x509.Certificate.load(der)
            for _, _, der in pem.unarmor(self.certificate_pem, multiple=True)
        ]
        store = SimpleCertificateStore()
        store.register_multiple(others)
        _, _, key = pem.unarmor(self.key_pem)
        signer = signers.SimpleSigner(
            signing_cert=own, signing_key=keys.PrivateKeyInfo.load(key), cert_registry=store
        )
        signed = signers.sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            signers.PdfSignatureMetadata(
                field_name="Authority",
                md_algorithm="sha256",
                subfilter=fields.SigSeedSubFilter.PADES,
                reason="Evidence of a street",
            ),
            signer=signer,
        )
        return bytes(signed.getbuffer())


def new_signer(name: str, now: datetime) -> Signer:
    """Return a fresh key with a certificate that it signs itself, valid for ten years.

    Args:
        name: Of the council, as the certificate is to say.
        now: The present.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Highways evidence, {name}"[:64]),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - timedelta(minutes=5))
        .not_valid_after(now.astimezone(UTC) + _VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_for_signatures_only(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Signer(
        key_pem=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate_pem=certificate.public_bytes(serialization.Encoding.PEM),
    )


def read_signer(key: Path, certificate: Path) -> Signer:
    """Return a key and its certificate from files.

    Raises:
        InputError: They are none, or do not belong together.
    """
    try:
        signer = Signer(key_pem=key.read_bytes(), certificate_pem=_certificates_in(certificate))
        private = serialization.load_pem_private_key(signer.key_pem, password=None)
        own = signer.certificates[0]
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{key.name} and {certificate.name} are to be PEM: a key without a password (PKCS #8), "
            "and its certificate"
        ) from error
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InputError(f"{key.name} is to be an RSA or an elliptic curve key")
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    der = serialization.Encoding.DER
    if private.public_key().public_bytes(der, spki) != own.public_key().public_bytes(der, spki):
        raise InputError(f"{certificate.name} is not the certificate of {key.name}")
    return Signer(
        key_pem=private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        certificate_pem=signer.certificate_pem,
    )


def _certificates_in(path: Path) -> bytes:
    """Return the certificates of a PEM file, which may have a key too."""
    found = x509.load_pem_x509_certificates(path.read_bytes())
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in found)


class SignerStore:
    """Where councils' keys are kept: files that their owner alone may read."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder."""
        self._folder = folder

    def of(self, authority: str, now: datetime) -> Signer:
        """Return a council's key; made when first asked for.

        Raises:
            InputError: Its certificate has ended.
            OutageError: It cannot be kept.
        """
        path = self._path(authority)
        if not path.exists():
            with self._alone():
                if not path.exists():
                    self._write(path, new_signer(authority.strip().lower(), now))
        signer = read_signer(path, path)
        own = signer.certificates[0]
        if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
            raise InputError(
                f"the certificate of {authority} is not valid today: give another one "
                "(roadwear evidence key --help)"
            )
        return signer

    def keep(self, authority: str, signer: Signer) -> None:
        """Keep a council's key; another one that was there is set aside, not lost.

        Raises:
            OutageError: It cannot be kept.
        """
        path = self._path(authority)
        with self._alone():
            if path.exists():
                number = len(list(self._folder.glob(f"{path.name}.*"))) + 1
                path.rename(path.with_name(f"{path.name}.{number}"))
            self._write(path, signer)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let nobody else write keys meanwhile."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (self._folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise OutageError(f"the key cannot be kept: {error.strerror}") from error

    def _write(self, path: Path, signer: Signer) -> None:
        """Write key and certificate as one file, whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        part.touch(mode=0o600)
        part.write_bytes(signer.key_pem + signer.certificate_pem)
        part.replace(path)

    def _path(self, authority: str) -> Path:
        return self._folder / f"{authority.strip().lower()}.pem"


def _for_signatures_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
