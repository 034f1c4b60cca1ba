"""A page as PDF that a screen reader can read (PDF/UA-1), made without any network."""

from collections.abc import Callable
from typing import Any


def pdf_of(html: str, picture: Callable[[str], bytes]) -> bytes:
    """Return an HTML page as PDF.

    Args:
        html: The page; its pictures have addresses that begin with "picture:".
        picture: Gives a picture's JPEG by what follows.
    """
    # WeasyPrint takes a second to import, and loads Pango.
    from weasyprint import HTML  # noqa: PLC0415
    from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse  # noqa: PLC0415

    class Ours(URLFetcher):  # type: ignore[misc]
        """Gives out our own pictures and nothing else."""

        def fetch(self, url: str, headers: Any = None) -> Any:  # noqa: ANN401
            """Return a picture."""
            scheme, _, name = url.partition(":")
            if scheme != "picture":
                raise FatalURLFetchingError(f"{scheme} is not fetched: {headers}")
            return URLFetcherResponse(url, picture(name), {"Content-Type": "image/jpeg"})

    document: bytes = HTML(string=html, url_fetcher=Ours()).write_pdf(
        pdf_variant="pdf/ua-1", pdf_tags=True
    )
    return document
