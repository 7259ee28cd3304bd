"""How a text is stored in an item: as it is, or compressed where that saves write units.

    String   the text itself
    Binary   a format byte, then: 0 the text in UTF-8, 1 the text in UTF-8 compressed by zlib

A write unit is 1 KB of the whole item, names and keys included, so compression is used only when the item then needs
fewer of them. Blobs hold the same bytes as Binary, format byte included.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

from polos.adapters.aws.sizes import write_units
from polos.errors import StoreError, StoreTooNew

_PLAIN: Final = b"\x00"
_ZLIB: Final = b"\x01"


def pack(text: str, *, overhead: int) -> dict[str, Any]:
    """`text` as a DynamoDB value, `{"S": ...}` or `{"B": ...}`; `overhead` is the rest of the item in bytes."""
    raw = text.encode()
    if write_units(overhead + len(raw)) == 1:
        return {"S": text}
    squeezed = _ZLIB + zlib.compress(raw, 6)
    if write_units(overhead + len(squeezed)) < write_units(overhead + len(raw)):
        return {"B": squeezed}
    return {"S": text}


def unpack(value: dict[str, Any]) -> str:
    """The text of a packed value.

    Raises:
        StoreTooNew: The format is one that a later version introduced.
        StoreError: The bytes are damaged.
    """
    return value["S"] if "S" in value else from_bytes(bytes(value["B"]))


def to_bytes(value: dict[str, Any]) -> bytes:
    """A packed value as the content of a blob."""
    return bytes(value["B"]) if "B" in value else _PLAIN + value["S"].encode()


def from_bytes(data: bytes) -> str:
    """The text in the content of a blob, or in a Binary value. Raises as `unpack`."""
    kind, body = data[:1], data[1:]
    try:
        if kind == _ZLIB:
            return zlib.decompress(body).decode()
        if kind == _PLAIN:
            return body.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        raise StoreError(f"a stored value is damaged: {error}; restore the table from its backup") from error
    raise StoreTooNew(
        f"a stored value has format {kind.hex() or 'nothing'}, which this version cannot read; upgrade polos"
    )
