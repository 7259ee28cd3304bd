"""Values that cross the journal, as JSON text and back: results, payloads, state, events.

    codec = return_codec(function)           # from its annotation; refused here: what no annotation could restore
    text, value = codec.round_trip(result)   # the first run goes on with the value that every replay will read
    value = codec.decode(text)

A value comes back as it was, or it is refused when it is stored, with the path to what cannot be. With an annotation
the text is the JSON that pydantic makes of it (`typed`, `schema`); without one it says for itself what it is (`tags`).
Text from outside, in which nothing is a tag, is read by `codec_for(..., trusted=False)`.
"""

from polos.core.codec.annotations import MISSING, parameter_annotation, return_annotation
from polos.core.codec.base import Codec, DoesNotFit
from polos.core.codec.build import codec_for, parameter_codec, plain_codec, return_codec
from polos.core.codec.selfdescribing import plain_json

__all__ = [
    "MISSING",
    "Codec",
    "DoesNotFit",
    "codec_for",
    "parameter_annotation",
    "parameter_codec",
    "plain_codec",
    "plain_json",
    "return_annotation",
    "return_codec",
]
