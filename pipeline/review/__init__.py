"""The engineers' pages: rendered on the server, no JavaScript needed."""

from pipeline.review.app import create_app

__all__ = ["create_app"]
