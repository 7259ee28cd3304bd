"""The HTTP API: requests from API Gateway or a function URL. Rendered by `polos build`."""

from polos.server.function import process_api

handler = process_api().handler
