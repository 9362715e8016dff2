from __future__ import annotations

import pytest

from services.auth.policy import FactorMode, FactorPolicy, networks


@pytest.mark.parametrize("address", ["", "nonsense", "203.0.113.4", "2001:db8:2::1", "::ffff:203.0.113.4"])
def test_outside_a_factor_is_required(address: str) -> None:
    inside = networks("10.0.0.0/8, 2001:db8:1::/48")
    assert FactorPolicy(FactorMode.REQUIRED, inside).required_from(address)
    assert not FactorPolicy(FactorMode.OPTIONAL, inside).required_from(address)
    assert not FactorPolicy(FactorMode.OFF).required_from(address)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8:1:7::1"])
def test_inside_it_is_not(address: str) -> None:
    assert not FactorPolicy(FactorMode.REQUIRED, networks("10.0.0.0/8 2001:db8:1::/48")).required_from(
        address
    )


def test_networks_are_checked() -> None:
    for bad in ("10.0.0.1/8", "nonsense", "10.0.0.0/40"):
        with pytest.raises(ValueError):
            networks(bad)
