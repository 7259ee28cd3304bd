"""The pages of approval links: plain HTML without scripts. Everything that comes from elsewhere is escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

from polos.server.forms import Form, FormField

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.4rem}label,legend{display:block;font-weight:600;margin-top:1rem}small{color:#555;display:block}
input[type=text],input[type=number],textarea,select{width:100%;padding:.5rem;font:inherit;box-sizing:border-box}
textarea{min-height:6rem}pre{background:#f4f4f4;padding:1rem;overflow:auto;white-space:pre-wrap;word-break:break-word}
button{font:inherit;padding:.6rem 1.4rem;margin:1.5rem .5rem 0 0}.wrong{color:#a00000}
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}pre{background:#262626}small{color:#aaa}
.wrong{color:#ff8a8a}}
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
"""The Content-Security-Policy of these pages: no scripts, no images, nobody shows them in a frame."""


def form_page(
    form: Form, *, sent: Mapping[str, list[str]] | None = None, wrong: Mapping[int, str] | None = None
) -> str:
    """The question, as a form that is sent to the page's own address."""
    fields = "".join(
        _field(number, field, (sent or {}).get(f"f{number}"), wrong=(wrong or {}).get(number))
        for number, field in form.inputs
    )
    parts = [
        f"<h1>{escape(form.title)}</h1>",
        f"<p>{escape(form.description)}</p>" if form.description else "",
        f"<pre>{escape(_shown(form.context))}</pre>" if form.context is not None else "",
        f'<form method="post" accept-charset="utf-8">{fields}{_buttons(form)}</form>',
    ]
    return _page(form.title, "".join(parts))


def message_page(title: str, text: str) -> str:
    """A page that only says something."""
    return _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>")


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _shown(context: Any) -> str:
    return context if isinstance(context, str) else json.dumps(context, ensure_ascii=False, indent=2)


def _buttons(form: Form) -> str:
    number = next((n for n, field in enumerate(form.fields) if (n, field) not in form.inputs), None)
    if number is None:
        return '<button type="submit">Send</button>'
    return (
        f'<button type="submit" name="f{number}" value="true">Approve</button>'
        f'<button type="submit" name="f{number}" value="false">Reject</button>'
    )


def _field(number: int, field: FormField, sent: list[str] | None, *, wrong: str | None) -> str:
    name = f"f{number}"
    hint = f"<small>{escape(field.description)}</small>" if field.description else ""
    problem = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    label = escape(field.label or field.key)
    values = sent if sent is not None else _defaults(field)
    if field.type == "boolean":
        checked = " checked" if values == ["true"] else ""
        return f'<label><input type="checkbox" name="{name}" value="true"{checked}> {label}</label>{hint}{problem}'
    return f'<label for="{name}">{label}</label>{hint}{_input(name, field, values)}{problem}'


def _input(name: str, field: FormField, values: list[str]) -> str:
    at = f'id="{name}" name="{name}"{" required" if field.required else ""}'
    value = escape(values[0] if values else "")
    match field.type:
        case "textarea":
            return f"<textarea {at}>\n{value}</textarea>"
        case "number":
            return f'<input type="number" step="any" {at} value="{value}">'
        case "select" | "multiselect":
            return _select(at, field, values)
        case _:
            return f'<input type="text" {at} value="{value}">'


def _select(at: str, field: FormField, values: list[str]) -> str:
    many = " multiple" if field.type == "multiselect" else ""
    empty = "" if many else '<option value=""></option>'
    options = "".join(
        f'<option value="{escape(option.value)}"{" selected" if option.value in values else ""}>'
        f"{escape(option.label or option.value)}</option>"
        for option in field.options or []
    )
    return f"<select {at}{many}>{empty}{options}</select>"


def _defaults(field: FormField) -> list[str]:
    match field.default:
        case None:
            return []
        case bool() as flag:
            return ["true"] if flag else []
        case list() as several:
            return [str(one) for one in several]
        case other:
            return [str(other)]
