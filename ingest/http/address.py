"""Which addresses belong to the public internet, also where one address stands for another.

Sources: IANA's registries of special-purpose addresses, as `ipaddress` knows them, and what they leave out.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# `is_global` of these says yes, and what answers there is the cloud, the provider or nobody.
NOT_PUBLIC = (
    IPv4Network("168.63.129.16/32"),  # Azure's WireServer, which every virtual machine there can ask
    IPv4Network("192.0.0.0/24"),  # protocol assignments (RFC 6890); Oracle's metadata is among them
    IPv4Network("192.88.99.0/24"),  # relays of 6to4, given up (RFC 7526)
)
# All that IANA gives out; the rest is private, reserved, multicast or embeds another address.
GLOBAL_UNICAST = IPv6Network("2000::/3")
DOCUMENTATION = IPv6Network("3fff::/20")  # RFC 9637, newer than our Python
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; the local prefix 64:ff9b:1::/48 is never public
LOW_32_BITS = 2**32 - 1


def public(text: str) -> bool:
    """Whether an address, as a resolver writes it, and all that it stands for are public. Or ValueError."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return _public_v4(address)
    if address.scope_id is not None:
        return False
    inside = _inside(address)
    return all(map(_public_v4, inside)) if inside else _public_v6(address)


def _inside(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses where packets to it arrive, through the kernel, a gateway or a tunnel."""
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return [IPv4Address(int(address) & LOW_32_BITS)] if address in NAT64 else []


def _public_v4(address: IPv4Address) -> bool:
    listed = any(address in network for network in NOT_PUBLIC)
    return address.is_global and not (address.is_multicast or address.is_reserved or listed)


def _public_v6(address: IPv6Address) -> bool:
    return address.is_global and address in GLOBAL_UNICAST and address not in DOCUMENTATION
