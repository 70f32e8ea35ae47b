"""Generated messages: what each provider's API takes, and entries of our own."""

import base64
import json

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORD = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=8)
DATA = st.binary(max_size=6).map(lambda raw: base64.b64encode(raw).decode())
URL = WORD.map(lambda word: f"https://example.com/{word}.png")
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
VALUE = st.recursive(
    SCALAR | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORD, inner, max_size=2),
    max_leaves=4,
)
OBJECT = st.dictionaries(WORD, VALUE, max_size=3)
# As models write them: compact, with spaces, not JSON at all, twice the same name.
ARGUMENTS = (
    OBJECT.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))
    | OBJECT.map(json.dumps)
    | st.sampled_from(['{"a":1,"a":2}', '{"a":', "", "[1]", '{"n":1e400}', '{"\\ud800":1}', "{}"])
)


def obj(required, **optional):
    """An object with these members, the optional ones sometimes."""
    fixed = {k: v if hasattr(v, "example") else st.just(v) for k, v in required.items()}
    maybe = {k: v if hasattr(v, "example") else st.just(v) for k, v in optional.items()}
    return st.fixed_dictionaries(fixed, optional=maybe)


def many(strategy, least=0, most=3):
    return st.lists(strategy, min_size=least, max_size=most)


def data_url(media_type):
    return DATA.map(lambda data: f"data:{media_type};base64,{data}")


# -- OpenAI Chat Completions -----------------------------------------------------------
_CHAT_TEXT = obj({"type": "text", "text": TEXT})
_CHAT_PARTS = many(
    st.one_of(
        _CHAT_TEXT,
        obj(
            {"type": "image_url"},
            prompt_cache_breakpoint=obj({"mode": "explicit"}),
        ).flatmap(
            lambda part: obj({"url": URL | data_url("image/png")}, detail="low").map(
                lambda image: {**part, "image_url": image}
            )
        ),
        obj({"type": "input_audio", "input_audio": obj({"data": DATA, "format": "wav"})}),
        obj({"type": "file", "file": obj({"file_id": WORD}, filename=WORD)}),
        obj(
            {
                "type": "file",
                "file": obj({"file_data": data_url("application/pdf"), "filename": WORD}),
            }
        ),
    )
)
_CHAT_CALL = st.one_of(
    obj(
        {
            "id": WORD,
            "type": "function",
            "function": obj({"name": WORD, "arguments": ARGUMENTS}),
        }
    ),
    obj({"id": WORD, "type": "custom", "custom": obj({"name": WORD, "input": TEXT})}),
)
_CHAT_MESSAGE = st.one_of(
    obj({"role": "system", "content": TEXT | many(_CHAT_TEXT)}, name=WORD),
    obj({"role": "developer", "content": TEXT | many(_CHAT_TEXT)}, name=WORD),
    obj({"role": "user", "content": TEXT | _CHAT_PARTS}, name=WORD, x_unknown=VALUE),
    obj(
        {"role": "assistant"},
        content=st.none() | TEXT | many(_CHAT_TEXT | obj({"type": "refusal", "refusal": TEXT})),
        refusal=st.none() | TEXT,
        tool_calls=many(_CHAT_CALL),
        name=WORD,
        audio=st.none() | obj({"id": WORD}),
        annotations=many(OBJECT),
        function_call=st.none() | obj({"name": WORD, "arguments": ARGUMENTS}),
    ),
    obj({"role": "tool", "tool_call_id": WORD, "content": TEXT | many(_CHAT_TEXT)}),
    obj({"role": "function", "name": WORD, "content": st.none() | TEXT}),
)
CHAT = obj({"messages": many(_CHAT_MESSAGE, most=5)})

# -- OpenAI Responses ------------------------------------------------------------------
_STATUS = st.sampled_from(["in_progress", "completed", "incomplete"])
_INPUT_PARTS = many(
    st.one_of(
        obj({"type": "input_text", "text": TEXT}),
        obj({"type": "input_image", "detail": "auto", "image_url": URL | data_url("image/png")}),
        obj({"type": "input_image", "detail": "low", "file_id": WORD}),
        obj({"type": "input_image", "detail": "low", "file_id": st.none(), "image_url": URL}),
        obj({"type": "input_file", "file_id": WORD}, filename=WORD),
        obj({"type": "input_file", "file_url": URL}),
        obj({"type": "input_file", "file_data": data_url("application/pdf"), "filename": WORD}),
    )
)
_ANNOTATION = obj(
    {"type": "url_citation", "start_index": 0, "end_index": 1, "title": TEXT, "url": URL}
)
_OUTPUT_PARTS = many(
    st.one_of(
        obj({"type": "output_text", "text": TEXT, "annotations": many(_ANNOTATION)}),
        obj({"type": "refusal", "refusal": TEXT}),
    )
)
_SUMMARY = obj({"type": "summary_text", "text": TEXT})
_ITEM = st.one_of(
    obj({"role": st.sampled_from(["user", "system", "developer"])}, type="message").flatmap(
        lambda item: (TEXT | _INPUT_PARTS).map(lambda content: {**item, "content": content})
    ),
    obj({"role": "assistant", "content": TEXT}, type="message", phase="commentary"),
    obj(
        {
            "type": "message",
            "role": "assistant",
            "id": WORD,
            "status": _STATUS,
            "content": _OUTPUT_PARTS,
        }
    ),
    obj(
        {"type": "reasoning", "id": WORD, "summary": many(_SUMMARY)},
        encrypted_content=st.none() | DATA,
        status=_STATUS,
        content=many(obj({"type": "reasoning_text", "text": TEXT})),
    ),
    obj(
        {"type": "function_call", "call_id": WORD, "name": WORD, "arguments": ARGUMENTS},
        id=WORD,
        status=_STATUS,
    ),
    obj({"type": "custom_tool_call", "call_id": WORD, "name": WORD, "input": TEXT}, id=WORD),
    obj(
        {"type": "function_call_output", "call_id": WORD, "output": TEXT | _INPUT_PARTS},
        id=st.none() | WORD,
        status=_STATUS,
    ),
    obj({"type": "custom_tool_call_output", "call_id": WORD, "output": TEXT}),
    obj({"type": "item_reference", "id": WORD}),
    obj({"id": WORD}, type=st.none()),
    obj({"type": "compaction", "encrypted_content": DATA}),
    obj({"type": "local_shell_call_output", "id": WORD, "output": TEXT}),
)
RESPONSES = obj({"input": TEXT | many(_ITEM, most=6)}, instructions=TEXT)

# -- Anthropic Messages ----------------------------------------------------------------
_CACHE = st.none() | obj({"type": "ephemeral"}, ttl="1h")
_TEXT_BLOCK = obj({"type": "text", "text": TEXT}, cache_control=_CACHE)
_IMAGE_BLOCK = obj(
    {
        "type": "image",
        "source": st.one_of(
            obj({"type": "base64", "media_type": "image/png", "data": DATA}),
            obj({"type": "url", "url": URL}),
            obj({"type": "file", "file_id": WORD}),
        ),
    },
    cache_control=_CACHE,
)
_DOCUMENT_BLOCK = obj(
    {
        "type": "document",
        "source": st.one_of(
            obj({"type": "base64", "media_type": "application/pdf", "data": DATA}),
            obj({"type": "text", "media_type": "text/plain", "data": TEXT}),
            obj({"type": "url", "url": URL}),
        ),
    },
    title=st.none() | TEXT,
    context=TEXT,
    citations=obj({"enabled": st.booleans()}),
)
_SEEN = _TEXT_BLOCK | _IMAGE_BLOCK | _DOCUMENT_BLOCK
_TOOL_RESULT = obj(
    {"type": "tool_result", "tool_use_id": WORD},
    content=TEXT | many(_SEEN),
    is_error=st.booleans(),
    cache_control=_CACHE,
)
_SAID = st.one_of(
    _TEXT_BLOCK,
    obj({"type": "thinking", "thinking": TEXT, "signature": DATA}),
    obj({"type": "redacted_thinking", "data": DATA}),
    obj({"type": "tool_use", "id": WORD, "name": WORD, "input": OBJECT}, cache_control=_CACHE),
    obj({"type": "server_tool_use", "id": WORD, "name": "web_search", "input": OBJECT}),
    obj({"type": "web_search_tool_result", "tool_use_id": WORD, "content": st.just([])}),
)
_ANTHROPIC_MESSAGE = st.one_of(
    obj({"role": "user", "content": TEXT | many(_SEEN | _TOOL_RESULT, most=5)}),
    obj({"role": "user", "content": many(_TOOL_RESULT)}, x_unknown=VALUE),
    obj({"role": "assistant", "content": TEXT | many(_SAID, most=4)}),
    obj({"role": "system", "content": TEXT | many(_TEXT_BLOCK)}),
)
ANTHROPIC = obj({"messages": many(_ANTHROPIC_MESSAGE, most=5)}, system=TEXT | many(_TEXT_BLOCK))

# -- Gemini ----------------------------------------------------------------------------
_GEMINI_TEXT = obj({"text": TEXT})
_GEMINI_MEDIA = st.one_of(
    obj(
        {
            "inlineData": obj(
                {
                    "mimeType": st.sampled_from(["image/png", "audio/wav", "application/pdf"]),
                    "data": DATA,
                },
                displayName=WORD,
            )
        }
    ),
    obj(
        {"fileData": obj({"fileUri": URL}, mimeType=st.sampled_from(["image/png", "video/mp4"]))},
        videoMetadata=obj({"fps": 1.0}),
    ),
)
_GEMINI_CALL = obj(
    {"functionCall": obj({"name": WORD}, id=WORD, args=OBJECT)}, thoughtSignature=DATA
)
_GEMINI_RESPONSE = obj(
    {
        "functionResponse": obj(
            {"name": WORD},
            id=WORD,
            response=OBJECT | obj({"output": TEXT}) | obj({"error": TEXT}),
            willContinue=st.booleans(),
        )
    }
)
_MODEL_PARTS = many(
    st.one_of(
        _GEMINI_TEXT,
        obj({"text": TEXT, "thoughtSignature": DATA}),
        obj({"text": TEXT, "thought": True}, thoughtSignature=DATA),
        _GEMINI_CALL,
        _GEMINI_MEDIA,
        obj({"executableCode": obj({"code": TEXT, "language": "PYTHON"})}),
    ),
    most=4,
)
_GEMINI_CONTENT = st.one_of(
    obj({"parts": many(_GEMINI_TEXT | _GEMINI_MEDIA | _GEMINI_RESPONSE, most=5)}, role="user"),
    obj({"role": "function", "parts": many(_GEMINI_RESPONSE)}),
    obj({"role": "model"}, parts=_MODEL_PARTS),
)
GEMINI = obj(
    {"contents": many(_GEMINI_CONTENT, most=5)},
    systemInstruction=obj({"parts": many(_GEMINI_TEXT)}, role="user"),
)

PAYLOADS = {
    "openai": CHAT,
    "openai-responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
}

# -- entries of our own ----------------------------------------------------------------
_FORMATS = st.sampled_from(sorted(PAYLOADS))
_EXTRA = st.dictionaries(_FORMATS, st.dictionaries(WORD, VALUE, min_size=1, max_size=2), min_size=1)


def _media(kind, media_types, **optional):
    media_type = st.sampled_from(media_types)
    return st.one_of(
        obj({"type": kind, "url": URL}, media_type=media_type, extra=_EXTRA, **optional),
        obj({"type": kind, "source": obj({"media_type": media_type, "data": DATA})}, **optional),
        obj({"type": kind, "source": obj({"file_id": WORD})}, **optional),
    )


_SHOWN = st.one_of(
    obj({"type": "text", "text": TEXT}, extra=_EXTRA),
    _media("image", ["image/png", "image/bmp", "text/x"], detail="low"),
    _media("audio", ["audio/wav", "audio/ogg"]),
    _media("file", ["application/pdf", "text/plain", "image/png"], name=WORD),
    obj({"type": "other", "provider": _FORMATS, "value": OBJECT}),
    obj(
        {"type": "other", "provider": _FORMATS, "value": obj({"type": WORD}, role="system")},
        extra=_EXTRA,
    ),
    obj({"type": "other", "provider": _FORMATS, "value": st.deferred(lambda: _DISGUISED)}),
)
PART = st.one_of(
    _SHOWN,
    obj(
        {"type": "tool_call", "name": WORD},
        id=WORD,
        arguments=OBJECT | TEXT,
        custom=st.booleans(),
        extra=_EXTRA,
    ),
    obj(
        {"type": "tool_result"},
        tool_call_id=WORD,
        name=WORD,
        content=TEXT | many(_SHOWN) | OBJECT,
        is_error=st.booleans(),
        custom=st.booleans(),
        extra=_EXTRA,
    ),
    obj(
        {"type": "reasoning"},
        provider=_FORMATS,
        text=TEXT | many(TEXT, least=2),
        signature=DATA,
        encrypted=DATA,
        extra=_EXTRA,
    ),
    obj({"type": "refusal", "text": TEXT}, extra=_EXTRA),
)
ROLE = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
ENTRIES = many(obj({"role": ROLE, "content": TEXT | many(PART, most=4)}), most=5)


_DISGUISED = st.one_of(
    st.sampled_from(["text", "input_text", "output_text", "summary_text"]).flatmap(
        lambda kind: obj({"type": kind, "text": TEXT})
    ),
    obj({"text": TEXT}, thought=True),
    obj({"type": "tool_use", "id": WORD, "name": WORD, "input": OBJECT}),
    obj({"type": "function_call", "call_id": WORD, "name": WORD, "arguments": "{}"}),
    obj({"functionCall": obj({"name": WORD})}),
    obj({"type": "message", "role": st.sampled_from(["system", "user"]), "content": TEXT}),
    obj({"role": st.sampled_from(["system", "function"]), "content": TEXT}),
)


def entries_near(name):
    """Entries such as this format may carry whole: its own extras, parts where they belong."""
    extra = obj({name: st.dictionaries(WORD, VALUE, min_size=1, max_size=2)})
    text = obj({"type": "text", "text": TEXT}, extra=extra)
    # Unknown parts, and known ones in their dress.
    value = obj({"type": WORD}, x=VALUE) | _DISGUISED
    other = obj({"type": "other", "provider": name, "value": value})
    shown = st.one_of(
        obj({"type": "text", "text": TEXT}),
        text,
        _media("image", ["image/png"]),
        _media("file", ["application/pdf"]),
        obj({"type": "audio", "source": obj({"media_type": "audio/wav", "data": DATA})}),
        other,
    )
    call = obj(
        {"type": "tool_call", "id": WORD, "name": WORD, "arguments": OBJECT},
        extra=extra,
    )
    result = obj(
        {"type": "tool_result", "tool_call_id": WORD, "content": TEXT | many(text) | OBJECT},
        name=WORD,
        is_error=st.just(True),
        extra=extra,
    )
    thought = obj(
        {"type": "reasoning", "provider": name, "text": TEXT},
        signature=DATA,
        encrypted=DATA,
        extra=extra,
    )
    said = st.tuples(many(thought, most=1), many(text | other, most=2), many(call, most=2)).map(
        lambda parts: [part for group in parts for part in group]
    )
    entry = st.one_of(
        obj({"role": "user", "content": TEXT | many(shown)}),
        obj({"role": "assistant", "content": TEXT | said}),
        obj({"role": "tool", "content": many(result | other, least=1, most=1)}),
        obj({"role": "system", "content": TEXT | many(text)}),
    )
    return st.one_of(entry.map(lambda one: [one]), many(entry, least=2, most=3))


@st.composite
def plain_conversations(draw):
    """What every format carries whole: text, calls with ids, and their results."""
    entries = draw(many(obj({"role": "system", "content": TEXT}), most=1))
    for turn in range(draw(st.integers(0, 3))):
        entries.append({"role": "user", "content": draw(TEXT)})
        calls = [
            {"type": "tool_call", "id": f"c{turn}_{i}", "name": name, "arguments": arguments}
            for i, (name, arguments) in enumerate(draw(many(st.tuples(WORD, OBJECT))))
        ]
        if calls:
            said = draw(many(st.builds(lambda text: {"type": "text", "text": text}, TEXT), most=1))
            entries.append({"role": "assistant", "content": said + calls})
            entries += [
                {
                    "role": "tool",
                    "content": [
                        {"type": "tool_result", "tool_call_id": call["id"], "content": draw(TEXT)}
                    ],
                }
                for call in calls
            ]
        entries.append({"role": "assistant", "content": draw(TEXT)})
    return entries
