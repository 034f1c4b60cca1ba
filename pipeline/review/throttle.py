"""How often something may be tried: passwords by whoever guesses them, requests by one key."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from pipeline.domain.errors import RoadwearError

# From one machine, one address: a person who mistypes. All of one address: many machines guess.
_FROM_ONE = RateLimitItemPerMinute(10, 15)
_OF_ONE = RateLimitItemPerMinute(100, 15)
_BY_ONE_MACHINE = RateLimitItemPerMinute(300, 15)


class TooManyError(RoadwearError):
    """It was tried too often; it may be tried again later."""


class Throttle:
    """Counts in this process's memory: it is forgotten when the process ends."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def before_sign_in(self, email: str, machine: str) -> None:
        """Count a password that is tried; refuse it where too many were wrong.

        Raises:
            TooManyError: Ten were wrong in a quarter of an hour from one machine for one address,
                a hundred for an address, or three hundred from a machine.
        """
        tried = [self._limiter.hit(item, *key) for item, key in _kinds(email, machine)]
        if not all(tried):
            raise TooManyError(
                "There were too many wrong passwords. Wait a quarter of an hour, then try again; "
                "if you have forgotten yours, ask who runs Roadwear at your council."
            )

    def right_password(self, email: str, machine: str) -> None:
        """Forget what was wrong before, of this machine for this address."""
        item, key = _kinds(email, machine)[0]
        self._limiter.clear(item, *key)

    def by_key(self, key: str, *, most: int = 600) -> None:
        """Count a request.

        Raises:
            TooManyError: The key made more than so many in a minute.
        """
        if not self._limiter.hit(RateLimitItemPerMinute(most), "key", key):
            raise TooManyError(f"That was more than {most} requests in a minute. Wait a minute.")


def _kinds(email: str, machine: str) -> tuple[tuple[RateLimitItemPerMinute, tuple[str, ...]], ...]:
    address = email.strip().lower()
    return (
        (_FROM_ONE, ("both", address, machine)),
        (_OF_ONE, ("address", address)),
        (_BY_ONE_MACHINE, ("machine", machine)),
    )
