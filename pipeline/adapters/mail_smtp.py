"""Sends mail by SMTP."""

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

from pipeline.domain.errors import InputError, OutageError

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_WAIT_S = 30.0
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*"
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A table beside the words."""

    name: str
    content: str


class SmtpMail:
    """Sends mail through one server."""

    def __init__(self, url: str, sender: str) -> None:
        """Set the server.

        Args:
            url: smtp://host, smtp+starttls://user:password@host or smtps://…; a port may follow.
            sender: From whom mail comes.

        Raises:
            InputError: The URL is none of these, or the sender is no address.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise InputError("setting ROADWEAR_MAIL_URL: its port is no number") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise InputError(
                "setting ROADWEAR_MAIL_URL: write smtp://host, smtp+starttls://user:password@host "
                "or smtps://user:password@host"
            )
        if not is_address(sender):
            raise InputError("setting ROADWEAR_MAIL_FROM: say from whom mail comes, name@host")
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender

    def send(self, to: str, subject: str, words: str, attachment: Attachment | None) -> None:
        """Send a mail, with a table or without.

        Raises:
            OutageError: The server does not take it; it may be sent again.
        """
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self._sender, to, " ".join(subject.split())
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self._host)
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(words)
        if attachment is not None:
            mail.add_attachment(attachment.content, subtype="csv", filename=attachment.name)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise OutageError(f"the mail server does not take mail: {error}") from error

    def _connected(self) -> smtplib.SMTP:
        secure = ssl.create_default_context()
        if self._scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, timeout=_WAIT_S, context=secure
            )
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=_WAIT_S)
        if self._scheme == "smtp+starttls":
            server.starttls(context=secure)
        if self._user:
            server.login(self._user, self._password)
        return server


def is_address(text: str) -> bool:
    """Return whether a text may be a mail address, in plain letters (RFC 5321, 4.1.2)."""
    return _ADDRESS.fullmatch(text) is not None
