"""Secrets by name: `secret("stripe-key").get()`. Read when asked for, kept for some minutes, never shown.

    secret("stripe-key")                  on one machine  POLOS_SECRET_STRIPE_KEY or STRIPE_KEY, from the environment or
                                                          from a file .env in the working directory
                                          in a stack      Secrets Manager, under the stack's prefix
    secret("secretsmanager:team/stripe")  in a stack      that secret; on one machine as for "stripe"
    secret("ssm:/team/stripe")            in a stack      that parameter of SSM Parameter Store; else as for "stripe"
    secret("database#password")                           a field of a secret that is a JSON object

A variable of the environment goes first everywhere. Making a secret reads nothing, so it may stand at the top of a
module; the names that were made there are what the compiler grants the functions to read, one by one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from polos.core.definitions import registry
from polos.errors import InvalidDefinition, SecretMissing, TryAgain

TTL_SECONDS: Final = 300.0
MASK: Final = "********"
SHORTEST_HIDDEN: Final = 6
"""Characters of the shortest value that logs are searched for."""
DOTENV: Final = Path(".env")
_REFERENCE: Final = re.compile(
    r"(?:(?P<service>secretsmanager|ssm):)?(?P<id>[\w/+=.@:-]*[\w/+=.@-])(?:#(?P<field>[^#]+))?", re.ASCII
)

log = logging.getLogger("polos.secrets")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a name means. `service`: "secretsmanager", "ssm", or "": the stack's own place. `field` of JSON, or ""."""

    service: str
    id: str
    field: str

    @classmethod
    def parse(cls, name: str) -> Reference:
        """Read a name. `InvalidDefinition` if it is none."""
        found = _REFERENCE.fullmatch(name)
        if found is None:
            raise InvalidDefinition(
                f"{name!r} is no name of a secret: letters, digits and /_+=.@:-, with secretsmanager: or ssm: before "
                "it if it is elsewhere, and #field behind it if it is a JSON object"
            )
        return cls(found["service"] or "", found["id"], found["field"] or "")

    @property
    def variable(self) -> str:
        """The environment variable that stands for it: the last part of its id, in capitals."""
        return re.sub(r"\W", "_", re.split(r"[/:]", self.id.rstrip("/"))[-1]).upper()


class SecretSource(Protocol):
    """A place where secrets are."""

    def read(self, reference: Reference) -> str | None:
        """The text, or None if it has none of that name. `TryAgain` if it cannot be asked now."""
        ...

    def place(self, reference: Reference) -> str:
        """Where it looks, for error messages."""
        ...


class EnvironmentSource:
    """Variables of the environment, then those of a file; `file=None`: there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ, file: Path | None = DOTENV) -> None:
        self._environ = environ
        self._file = file

    def read(self, reference: Reference) -> str | None:
        """See `SecretSource`."""
        for name in self._names(reference):
            if self._environ.get(name):
                return self._environ[name]
        written = self._written()
        return next((written[name] for name in self._names(reference) if written.get(name)), None)

    def place(self, reference: Reference) -> str:
        """See `SecretSource`."""
        variables = f"the environment variables {' and '.join(self._names(reference))}"
        return variables if self._file is None else f"{variables}, there and in {self._file}"

    def _names(self, reference: Reference) -> tuple[str, str]:
        return f"POLOS_SECRET_{reference.variable}", reference.variable

    def _written(self) -> dict[str, str]:
        try:
            text = "" if self._file is None else self._file.read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError):
            return {}
        return dict(filter(None, (_variable(line) for line in text.splitlines())))


class Vault:
    """Reads secrets from its sources, in order, and keeps each for some minutes.

    A value that is due but cannot be read again, because its source is out of reach, goes on to be used.
    """

    def __init__(
        self,
        sources: Sequence[SecretSource],
        *,
        ttl: float = TTL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = tuple(sources)
        self._ttl = ttl
        self._monotonic = monotonic
        self._kept: dict[Reference, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> str:
        """The value of a secret. `SecretMissing` if no source has it; `TryAgain` if one cannot be asked."""
        reference = Reference.parse(name)
        text = self._text(Reference(reference.service, reference.id, ""))
        return text if not reference.field else _field(text, reference)

    def hide(self, text: str) -> str:
        """The text with what has been read from here masked; of JSON objects, their fields."""
        kept = [value for value, _ in list(self._kept.values())]  # no lock: who reads a secret may log
        for hidden in sorted({part for value in kept for part in _parts(value)}, key=len, reverse=True):
            text = text.replace(hidden, MASK)
        return text

    def _text(self, reference: Reference) -> str:
        with self._lock:
            kept = self._kept.get(reference)
            if kept is not None and self._monotonic() - kept[1] < self._ttl:
                return kept[0]
            try:
                text = self._read(reference)
            except TryAgain as error:
                if kept is None:
                    raise
                log.warning("secret %s cannot be read again, its last value is used: %s", reference.id, error)
                text = kept[0]
            self._kept[reference] = (text, self._monotonic())
            return text

    def _read(self, reference: Reference) -> str:
        for source in self._sources:
            text = source.read(reference)
            if text is not None:
                return text
        places = "; ".join(source.place(reference) for source in self._sources)
        raise SecretMissing(f"the secret {reference.id!r} is not there; it was looked for in {places}")


class Secret:
    """A secret by name. Its text is had by `get()` alone: printed, formatted or logged it shows nothing.

    It cannot be stored: what a step returns is journaled, so return what was done with the secret, and not the secret.
    """

    __slots__ = ("_name", "_vault")

    def __init__(self, name: str, vault: Callable[[], Vault]) -> None:
        Reference.parse(name)
        self._name = name
        self._vault = vault

    @property
    def name(self) -> str:
        """What it is called."""
        return self._name

    def get(self) -> str:
        """Its text. The first time, and then every few minutes, this asks the place where it is.

        Raises:
            SecretMissing: It is not there.
            TryAgain: The place cannot be asked now.
        """
        return self._vault().get(self._name)

    async def read(self) -> str:
        """The same, without blocking the event loop."""
        return await asyncio.to_thread(self.get)

    def __repr__(self) -> str:
        return f"Secret({self._name!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"the secret {self._name!r} is not stored anywhere else: pass its name on")


_vaults: list[Vault] = [Vault([EnvironmentSource()])]


def secret(name: str) -> Secret:
    """The secret of that name; nothing is read before `.get()`. See the module for what a name may be.

    Raises:
        InvalidDefinition: It is no name of a secret.
    """
    made = Secret(name, lambda: _vaults[-1])
    registry.secrets.add(name)
    return made


def use_vault(vault: Vault) -> None:
    """Where secrets are read from now on: told by who composes a runtime."""
    _vaults[:] = [vault]


def hide_secrets(text: str) -> str:
    """The text with the secrets masked that this process has read."""
    return _vaults[-1].hide(text)


def _parts(value: str) -> list[str]:
    """What is secret of a value: itself, its fields if it is a JSON object; nothing so short that it hides words."""
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    texts = [each for each in fields.values() if isinstance(each, str)] if isinstance(fields, dict) else []
    return [text for text in (value, *texts) if len(text) >= SHORTEST_HIDDEN]


def _field(text: str, reference: Reference) -> str:
    try:
        value: Any = json.loads(text)[reference.field]
    except (ValueError, TypeError, KeyError):
        raise SecretMissing(
            f"the secret {reference.id!r} is there, but is no JSON object with a field {reference.field!r}"
        ) from None
    return value if isinstance(value, str) else json.dumps(value)


def _variable(line: str) -> tuple[str, str] | None:
    """A line of a .env file: `NAME=value`, perhaps with `export` before it and quotes around the value."""
    name, equals, value = line.strip().removeprefix("export ").partition("=")
    if not equals or name.strip().startswith("#"):
        return None
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    else:
        value = value.partition(" #")[0].rstrip()
    return name.strip(), value
