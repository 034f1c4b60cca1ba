"""The engineers' pages: rendered on the server, no JavaScript needed."""

from pipeline.review.app import create_app
from pipeline.review.desk import Rules

__all__ = ["Rules", "create_app"]
