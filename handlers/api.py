"""The HTTP API. Rendered by `polos build`."""

from polos.server.function import process_api

handler = process_api().handler
