"""Signing in elsewhere: OpenID Connect with authorisation code and PKCE, such as Entra ID."""

import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from pipeline.domain.errors import InputError, OutageError, RuleError
from pipeline.domain.ids import organisation_id
from pipeline.domain.people import Identity, Provider

_WAIT_S = 10.0
# Keys are changed without notice; after so long they are asked for again.
_KNOWN_S = 600.0
_LEEWAY_S = 60
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What has to come back unchanged, and what proves that it was we who began."""

    state: str
    nonce: str
    verifier: str


class SignInElsewhere:
    """One provider, and what is known of it."""

    def __init__(self, provider: Provider) -> None:
        """Know only its address; it is asked when somebody signs in."""
        self.provider = provider
        self._known: tuple[float, dict[str, Any], KeySet] | None = None

    def begin(self, back_to: str) -> tuple[str, Attempt]:
        """Return where a browser is to go, and what to keep until it comes back.

        Raises:
            OutageError: The provider does not answer.
        """
        configuration, _ = self._configuration()
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
        )
        with self._client(back_to) as client:
            address, _ = client.create_authorization_url(
                configuration["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(address), attempt

    def finish(self, back_to: str, attempt: Attempt, said: Mapping[str, str]) -> Identity:
        """Return who has signed in.

        Args:
            back_to: The address that the browser came back to, without what was said.
            attempt: What was kept.
            said: The query that it came with.

        Raises:
            RuleError: The provider refused, or what came is not what was begun.
            OutageError: The provider does not answer.
        """
        if not secrets.compare_digest(said.get("state", "").encode(), attempt.state.encode()):
            raise RuleError("This sign-in was not begun here, or too long ago. Begin again.")
        if "code" not in said:
            raise RuleError(f"{self.provider.name} did not sign you in. Begin again.")
        configuration, keys = self._configuration()
        try:
            with self._client(back_to) as client:
                token = client.fetch_token(
                    configuration["token_endpoint"],
                    code=said["code"],
                    code_verifier=attempt.verifier,
                    grant_type="authorization_code",
                )
            id_token = str(token.get("id_token", ""))
            try:
                return self.identity_in(id_token, keys, attempt)
            except InvalidKeyIdError:
                # Its keys were changed since they were asked for.
                self._known = None
                _, keys = self._configuration()
                return self.identity_in(id_token, keys, attempt)
        except (OAuthError, JoseError, ValueError) as error:
            raise RuleError(
                f"What {self.provider.name} said of you cannot be trusted, so that you are not "
                "signed in. Begin again; if it stays so, tell who runs Roadwear at your council."
            ) from error
        except httpx.HTTPError as error:
            raise OutageError(f"{self.provider.name} does not answer") from error

    def identity_in(self, id_token: str, keys: KeySet, attempt: Attempt) -> Identity:
        """Return who an ID token is about, where it says all that it must.

        Args:
            id_token: A signed token (OpenID Connect Core 1.0, 3.1.3.7).
            keys: The provider's.
            attempt: What was begun.

        Raises:
            JoseError: It was not signed by the provider, is too old, or not about this attempt.
            ValueError: It is for somebody else.
        """
        claims = jwt.decode(id_token, keys, algorithms=_ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self.provider.issuer},
            aud={"essential": True, "value": self.provider.client_id},
            exp={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
            sub={"essential": True},
        ).validate(claims)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        meant_for = claims.get("azp", "" if several else self.provider.client_id)
        if meant_for != self.provider.client_id:
            raise ValueError("made for another client")  # OpenID Connect Core 1.0, 3.1.3.7
        said = claims.get("email_verified")
        verified = said is True or said == "true" or (said is None and self.provider.trust_email)
        email = str(claims.get("email") or "") if verified else ""
        return Identity(
            issuer=self.provider.issuer, subject=str(claims["sub"]), email=email.strip().lower()
        )

    def _client(self, back_to: str) -> OAuth2Client:
        return OAuth2Client(
            self.provider.client_id,
            self.provider.client_secret or None,
            token_endpoint_auth_method=(
                "client_secret_basic" if self.provider.client_secret else "none"
            ),
            scope="openid email profile",
            redirect_uri=back_to,
            code_challenge_method="S256",
            timeout=_WAIT_S,
        )

    def _configuration(self) -> tuple[dict[str, Any], KeySet]:
        if self._known is not None and monotonic() - self._known[0] < _KNOWN_S:
            return self._known[1], self._known[2]
        issuer = self.provider.issuer.rstrip("/")
        try:
            with httpx.Client(timeout=_WAIT_S) as client:
                found = client.get(f"{issuer}/.well-known/openid-configuration")
                configuration = found.raise_for_status().json()
                for name in ("authorization_endpoint", "token_endpoint"):
                    configuration[name] = str(configuration[name])
                if configuration["issuer"] != self.provider.issuer:
                    raise OutageError(
                        f"{self.provider.name} calls itself {configuration['issuer']!r}, not "
                        f"{self.provider.issuer!r}: write its issuer in exactly that way"
                    )
                keys = client.get(configuration["jwks_uri"]).raise_for_status().json()
            self._known = (monotonic(), configuration, KeySet.import_key_set(keys))
        except (httpx.HTTPError, ValueError, KeyError, JoseError) as error:
            raise OutageError(f"{self.provider.name} does not answer as it should") from error
        return self._known[1], self._known[2]


def read_providers(path: Path) -> tuple[Provider, ...]:
    """Return the providers of a file.

    Raises:
        InputError: It cannot be read, or says something else.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        return tuple(
            Provider(
                key=key,
                name=str(entry["name"]),
                issuer=str(entry["issuer"]),
                client_id=str(entry["client_id"]),
                client_secret=(
                    (path.parent / str(entry["client_secret_file"])).read_text("utf-8").strip()
                    if "client_secret_file" in entry
                    else ""
                ),
                organisation_id=organisation_id(str(entry["organisation"])),
                trust_email=entry.get("trust_email", False) is True,
            )
            for key, entry in content.items()
        )
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path.name} cannot be read: {error}") from error
    except KeyError as error:
        raise InputError(f"{path.name}: {error.args[0]} is missing") from error
