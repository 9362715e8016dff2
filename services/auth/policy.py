"""The operator's word on second factors: off, optional, or required, except from named networks."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class FactorMode(StrEnum):
    """OFF: not offered and not asked for. REQUIRED: who has none must enrol one before anything else."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class FactorPolicy:
    """`inside`: networks from which a required factor is optional. Who has a factor is asked for it
    everywhere."""

    mode: FactorMode = FactorMode.OPTIONAL
    inside: tuple[Network, ...] = ()

    @property
    def offered(self) -> bool:
        return self.mode is not FactorMode.OFF

    def required_from(self, address: str) -> bool:
        """Whether somebody at `address` needs a factor. An address that cannot be read is outside."""
        if self.mode is not FactorMode.REQUIRED:
            return False
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        return not any(parsed in network for network in self.inside if network.version == parsed.version)


def networks(text: str) -> tuple[Network, ...]:
    """Networks as "10.0.0.0/8, 2001:db8::/32"; ValueError for anything else."""
    return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())
