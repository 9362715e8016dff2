"""The four services over gRPC: ports.py made real. Protobuf is touched here and in convert/ only."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from services.common.rpc.client import connect
from services.common.rpc.tls import TlsSettings
from services.web.clients.auth import AuthClient
from services.web.clients.mail import MailClient
from services.web.clients.people import PeopleClient
from services.web.clients.send import SendClient
from services.web.ports import Services

# Under the page's own 10 s, so that a service that hangs leaves time for the page that says so.
PAGE_SECONDS = 8.0
SERVICES = ("auth", "mailstore", "sender", "contacts")


def open_channels(addresses: Mapping[str, str], tls: TlsSettings | None) -> dict[str, grpc.aio.Channel]:
    """One channel for each of SERVICES; they connect when first used."""
    return {name: connect(addresses[name], tls=tls, service=name) for name in SERVICES}


def services(channels: Mapping[str, grpc.aio.Channel]) -> Services:
    return Services(
        auth=AuthClient(channels["auth"]),
        mail=MailClient(channels["mailstore"]),
        send=SendClient(channels["sender"]),
        people=PeopleClient(channels["contacts"]),
    )
