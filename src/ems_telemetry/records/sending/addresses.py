"""Which addresses a webhook may reach: who may state one must not make the service ask what only the service can reach."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

# Where clouds tell a machine its credentials, beside the link-local 169.254.169.254 (AWS, Azure, Google Cloud and others).
METADATA: Final = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address that is reached


def refusal(text: str, *, allow_private: bool, only_loopback: bool = False) -> str | None:
    """Tells why an address is not to be reached, in words; None if it may be.

    Args:
        text: the address, as the resolver gave it.
        allow_private: whether addresses of plant networks (RFC 1918, unique local) and of this machine will do.
        only_loopback: whether nothing else than this machine will do, since what is sent is not encrypted.
    """
    address = _reached(ip_address(text.partition("%")[0]))
    if address in METADATA or address.is_link_local:
        return "is link-local, or where a cloud tells a machine its credentials"
    if address.is_multicast or address.is_unspecified or (isinstance(address, IPv4Address) and address.is_reserved):
        return "is not the address of one machine"
    if only_loopback and not address.is_loopback:
        return "is another machine, and the URL is not https"
    if not allow_private and not only_loopback and not address.is_global:
        return "is not public, and webhooks.allow_private is false"
    return None


def _reached(address: Address) -> Address:
    """Gives the IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
