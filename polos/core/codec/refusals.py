"""From the errors of pydantic, which speak of schemas, to refusals that say where, what, and what to do.

Messages name types, never values: what is stored may be secret, and errors end up in logs.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticSerializationError, ValidationError, from_json, to_json

from polos.core.codec.base import DoesNotFit
from polos.core.codec.compare import Difference
from polos.core.codec.hints import hint_for
from polos.core.codec.paths import Path, leaves, locate, render, type_name
from polos.core.codec.tags import encodable, too_deep
from polos.errors import NotStorable

FIT: Final = "give what the annotation asks for, or change the annotation"

# Errors about something that is not there: what stands in its place is the object around it.
_ABSENT: Final = frozenset({"missing", "missing_argument", "union_tag_not_found"})


def unwritable(value: object, root: Path, error: PydanticSerializationError) -> NotStorable:
    """Why `value` has no JSON."""
    text = str(error)
    if "depth exceeded" in text:
        return too_deep(root)
    if "Circular reference" in text:
        return NotStorable(
            "the value contains itself", path=render(root), hint="store ids in place of references"
        )
    for path, leaf in leaves(value, root):
        try:
            encodable(leaf, path) if isinstance(leaf, str) else to_json(leaf)
        except NotStorable as refusal:
            return refusal
        except (PydanticSerializationError, ValueError):
            return NotStorable(
                f"a value of type {type_name(leaf)} cannot be stored", path=render(path), hint=hint_for(leaf)
            )
    own = text.partition("Error calling function ")[2]
    return NotStorable(
        f"this {type_name(value)} cannot be written as JSON" + (f": error in {own}" if own else ""),
        path=render(root),
        hint="mend its serializer" if own else hint_for(value),
    )


def misfit(error: ValidationError, value: object, root: Path, hint: str) -> DoesNotFit:
    """What does not fit, field by field. `value` is what was validated."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    problems = (_problem(detail, value, root) for detail in details)
    return DoesNotFit(list(dict.fromkeys(problems)), root=root, hint=hint)


def misfit_text(error: ValidationError, text: str | bytes, root: Path, hint: str) -> NotStorable:
    """The same for a text that was validated."""
    try:
        tree = from_json(text)
    except ValueError as not_json:
        if "recursion limit" in str(not_json):
            return too_deep(root)
        return NotStorable(f"the text is not JSON: {not_json}", path=render(root), hint=hint)
    return misfit(error, tree, root, hint)


def _problem(detail: ErrorDetails, value: object, root: Path) -> tuple[str, str]:
    path, part = locate(value, detail["loc"], root)
    words = detail["msg"][:1].lower() + detail["msg"][1:]
    return render(path), words if detail["type"] in _ABSENT else f"{words} (found {type_name(part)})"


def changed(found: Difference) -> NotStorable:
    """The refusal of a value that would come back changed."""
    return NotStorable(found.message, path=render(found.path), hint=_how_to_keep(found))


def _how_to_keep(found: Difference) -> str:
    before: Any = found.before
    after: Any = found.after
    if found.is_loss:
        return "give only what the annotation has a place for, and exclude nothing that it has"
    if type(before) is type(after):
        return "its own serializer does not write all of it: store what can be written, or leave it out"
    if isinstance(before, type(after)):
        return f"annotate {type(before).__name__}, which it is, or a union of what it may be"
    if isinstance(before, BaseModel) and isinstance(after, BaseModel):
        return "members of a union that look alike need a field that tells them apart, such as kind: Literal['a']"
    return "annotate the exact type, or convert the value to what is annotated"


def unstable(root: Path) -> NotStorable:
    """The refusal of a value whose text changes when it is written again."""
    return NotStorable(
        "its text is another each time it is written",
        path=render(root),
        hint="make its serializer deterministic",
    )


def unreadable(error: NotStorable, root: Path) -> NotStorable:
    """The refusal of a value whose text was written, and then could not be read."""
    path = error.path or render(root)
    return NotStorable(
        f"what is written for it cannot be read back: {str(error).removeprefix(f'{path}: ')}",
        path=path,
        hint="annotate a type whose JSON says all of it",
    )
