"""What people are told once a day: what they have to look at, and how things stand. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A day's digest of one organisation.

    Attributes:
        matters: What somebody has to look at, in sentences; none where all is well.
        facts: How things stand, in sentences.
    """

    matters: tuple[str, ...]
    facts: tuple[str, ...]

    @property
    def subject(self) -> str:
        """Of the mail: whether there is anything to do."""
        if not self.matters:
            return "Roadwear: all is well"
        one = len(self.matters) == 1
        return f"Roadwear: {len(self.matters)} thing{'' if one else 's'} to look at"

    def text(self, server: str) -> str:
        """Return the mail.

        Args:
            server: Where the pages are, https://…; "" where nobody said.
        """
        parts = [
            "To look at:\n\n" + "\n".join(f"- {one}" for one in self.matters)
            if self.matters
            else "There is nothing to look at.",
            "How things stand:\n\n" + "\n".join(f"- {one}" for one in self.facts),
            f"{server}/operations" if server else "More: the page Operations.",
        ]
        return "\n\n".join(parts) + "\n"
