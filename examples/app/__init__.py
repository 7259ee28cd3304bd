"""A shop: the example that this repository's own template.yaml and handlers/ are built from.

polos run examples.app:order --payload '{"id": "A1", "items": [{"sku": "tea", "count": 2}]}'
polos build examples.app
"""

from examples.app.orders import order, price, remind
from examples.app.reports import count_orders, daily_report

__all__ = ["count_orders", "daily_report", "order", "price", "remind"]
