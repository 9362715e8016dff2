"""Mail inside mail: uuencoded blocks, winmail.dat, delivery reports."""

from __future__ import annotations

from .model import DeliveryReport, EmbeddedFile


def split_uuencoded(text: str) -> tuple[str, tuple[EmbeddedFile, ...]]:
    """The text without its uuencoded blocks, and these as files."""
    raise NotImplementedError


def read_tnef(data: bytes) -> tuple[EmbeddedFile, ...]:
    """The attachments of a decoded winmail.dat (application/ms-tnef); none when it is damaged."""
    raise NotImplementedError


def read_report(data: bytes) -> DeliveryReport:
    """A decoded message/delivery-status, message/global-delivery-status or
    message/disposition-notification.
    """
    raise NotImplementedError
