"""What Scaleway rents out, at what price, and whether any are left.

``GET /instance/v1/zones/{zone}/products/servers`` and ``…/products/servers/availability``
(https://www.scaleway.com/en/developers/api/instance/#path-instance-types). Prices are euros per
hour, sizes are bytes and powers of two, bandwidth is bits per second.
"""

import asyncio
from typing import Final

from inventiv_adapters.cloud.scaleway.api import ScalewayApi, Wanted
from inventiv_adapters.cloud.scaleway.servers import trouble
from inventiv_adapters.cloud.scaleway.wire import Product, Products, Stocks
from inventiv_core.cloud.entities import Offer, Trouble

_GIB: Final = 2**30
"""24 GiB of memory are sold as 24 GB, and the catalog follows suit."""
_LEFT: Final = frozenset({"available", "scarce"})


async def offers_in(api: ScalewayApi, zone: str) -> list[Offer] | Trouble:
    """Return all servers with GPUs that a zone offers, or why it is not known."""
    root = f"/instance/v1/zones/{zone}/products/servers"
    products, stocks = await asyncio.gather(
        api.pages(
            Wanted(method="GET", path=root),
            Products,
            size_name="per_page",
            size_of=lambda page: len(page.servers),
        ),
        api.pages(
            Wanted(method="GET", path=f"{root}/availability"),
            Stocks,
            size_name="per_page",
            size_of=lambda page: len(page.servers),
        ),
    )
    if not isinstance(products, list):
        return trouble(products)
    if not isinstance(stocks, list):
        return trouble(stocks)
    left = {
        name for page in stocks for name, it in page.servers.items() if it.availability in _LEFT
    }
    return [
        _offer(name, product, zone=zone, is_available=name in left)
        for page in products
        for name, product in page.servers.items()
        if product.gpu and not product.end_of_service
    ]


def _offer(name: str, product: Product, *, zone: str, is_available: bool) -> Offer:
    network, info = product.network, product.gpu_info
    return Offer(
        instance_type=name,
        name=name,
        region=zone.rpartition("-")[0],
        zone=zone,
        gpu_count=product.gpu or 0,
        vram_per_gpu_gb=round((info.gpu_memory if info else 0) / _GIB),
        cpu_count=product.ncpus,
        ram_gb=round(product.ram / _GIB),
        bandwidth_bps=(network.sum_internet_bandwidth if network else None) or 0,
        cost_per_hour=product.hourly_price,
        is_available=is_available,
    )
