"""Texts that become part of stored names: what they may be is decided here, before a store refuses them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


def _name(limit: int, without: str = "\0") -> Any:
    def check(text: str) -> str:
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:
            raise ValueError("holds half a surrogate pair") from error
        if size > limit:
            raise ValueError(f"takes {size} bytes in UTF-8, {limit} are allowed")
        for character in without:
            if character in text:
                raise ValueError(f"holds a {character!r}")
        return text

    return AfterValidator(check)


Name = Annotated[str, StringConstraints(min_length=1), _name(400)]
"""An id, key or name of the user's: 1 to 400 bytes in UTF-8."""

Topic = Annotated[str, StringConstraints(min_length=1), _name(600)]
"""The name of a topic."""

Label = Annotated[str, StringConstraints(min_length=1), _name(100, "\0=")]
"""The name of an attribute: lists are asked for with `name=value`."""

Seconds = Annotated[float, Field(gt=0, le=10 * 366 * 86_400, allow_inf_nan=False)]
"""A duration, up to ten years."""


class Body(BaseModel):
    """A request's body: a member that is not known is a mistake, and not ignored."""

    model_config = ConfigDict(extra="forbid")
