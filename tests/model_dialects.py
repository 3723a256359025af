"""How each provider's API says what a scenario of `tests.model_api` says: requests read, messages put into words.

A dialect is chosen by the path of a request. Tools have the names that the command line of that provider gives them:
`Bash` for Claude Code, `exec_command` for Codex, `run_shell_command` for Gemini, `bash` for OpenCode.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}

# Claude Code closes an interrupted turn with this message of its own when the conversation is resumed.
_FILLER = "No response requested."
_CACHED = 1000
_OUTPUT = 20


@dataclass(frozen=True)
class Use:
    """A call of one of the agent's tools, such as `Use("Bash", {"command": "ls"})`."""

    name: str
    input: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """An answer with an HTTP error status instead of a message."""

    status: int
    message: str = "scripted failure"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """A turn to be said: the `number` counts from 0, `held` is how many tokens of it came from the cache.

    The other counts are fixed by the number, so that a test can foretell the sums: 100, 200, … in and 20 out.
    """

    parts: Sequence[str | Use]
    number: int
    model: str = ""
    held: int = _CACHED

    @property
    def fresh(self) -> int:
        """Tokens that went in and were not cached."""
        return 100 * (self.number + 1)

    @property
    def uses(self) -> list[tuple[str, Use]]:
        """The calls of tools, each with an id."""
        return [(f"call_{self.number}_{n}", p) for n, p in enumerate(self.parts) if isinstance(p, Use)]

    @property
    def text(self) -> str:
        """What is said."""
        return "\n".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True)
class Dialect:
    """One API. `said` counts the turns of the model that a request holds, `texts` are all texts of it."""

    said: Callable[[Mapping[str, Any]], int]
    texts: Callable[[Mapping[str, Any]], Iterator[str]]
    whole: Callable[[Message], dict[str, Any]]
    stream: Callable[[Message], str]
    error: Callable[[Failure], dict[str, Any]]


def dialect_of(path: str) -> Dialect | None:
    """The dialect that is spoken at a path, None where no conversation is held."""
    if ":streamGenerateContent" in path or ":generateContent" in path:
        return GEMINI
    return _BY_PATH.get(path)


def texts_of(value: object) -> Iterator[str]:
    """Every text in a value of JSON, in order: what stands under `text`, `content`, `output` or in a bare string."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            if isinstance(part, dict):
                yield from texts_of(part)
    elif isinstance(value, dict):
        for key in ("text", "content", "output", "response", "parts"):
            yield from texts_of(value.get(key))


# The Messages API of Anthropic.


def _claude_said(body: Mapping[str, Any]) -> int:
    messages = body.get("messages", [])
    return sum(m.get("role") == "assistant" and _FILLER not in texts_of(m["content"]) for m in messages)


def _claude_texts(body: Mapping[str, Any]) -> Iterator[str]:
    for part in (body.get("system", ""), *(m.get("content", "") for m in body.get("messages", []))):
        yield from texts_of(part)


def _claude_message(message: Message) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for place, part in enumerate(message.parts):
        if isinstance(part, Use):
            use = {"type": "tool_use", "id": f"toolu_{message.number}_{place}", "name": part.name}
            content.append({**use, "input": dict(part.input)})
        else:
            content.append({"type": "text", "text": part})
    return {
        "id": f"msg_{message.number}",
        "type": "message",
        "role": "assistant",
        "model": message.model,
        "content": content,
        "stop_reason": "tool_use" if message.uses else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": message.fresh,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": message.held,
            "output_tokens": _OUTPUT,
        },
    }


def _claude_stream(message: Message) -> str:
    return "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in _claude_events(_claude_message(message))
    )


def _claude_events(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    begun = {**message, "content": [], "stop_reason": None, "usage": {**message["usage"], "output_tokens": 1}}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message["content"]):
        start: dict[str, Any]
        if block["type"] == "text":
            start = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": end, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _claude_error(failure: Failure) -> dict[str, Any]:
    kind = ERROR_TYPES.get(failure.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": failure.message}}


# The Responses API of OpenAI, which Codex speaks.


def _codex_said(body: Mapping[str, Any]) -> int:
    """A turn is all that the model said in one go: a message, calls, or both."""
    items = body.get("input", [])
    spoken = [item.get("role") == "assistant" or item.get("type") == "function_call" for item in items]
    return sum(1 for by_model, _ in itertools.groupby(spoken) if by_model)


def _codex_texts(body: Mapping[str, Any]) -> Iterator[str]:
    yield from texts_of(body.get("instructions"))
    yield from texts_of(body.get("input"))


def _codex_response(message: Message) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if message.text:
        said = {"type": "output_text", "text": message.text, "annotations": []}
        output.append(
            {"type": "message", "role": "assistant", "id": f"msg_{message.number}", "content": [said]}
        )
    for call, use in message.uses:
        output.append(
            {"type": "function_call", "call_id": call, "name": use.name, "arguments": json.dumps(use.input)}
        )
    sent = message.fresh + message.held
    usage = {
        "input_tokens": sent,
        "input_tokens_details": {"cached_tokens": message.held},
        "output_tokens": _OUTPUT,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": sent + _OUTPUT,
    }
    return {"id": f"resp_{message.number}", "object": "response", "output": output, "usage": usage}


def _codex_stream(message: Message) -> str:
    response = _codex_response(message)
    events: list[dict[str, Any]] = [{"type": "response.created", "response": {"id": response["id"]}}]
    events += [{"type": "response.output_item.done", "item": item} for item in response["output"]]
    events.append({"type": "response.completed", "response": response})
    return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)


def _openai_error(failure: Failure) -> dict[str, Any]:
    kind = ERROR_TYPES.get(failure.status, "api_error")
    return {"error": {"message": failure.message, "type": kind, "code": None}}


# Chat completions, which OpenCode speaks to providers of the OpenAI kind.


def _chat_said(body: Mapping[str, Any]) -> int:
    return sum(message.get("role") == "assistant" for message in body.get("messages", []))


def _chat_texts(body: Mapping[str, Any]) -> Iterator[str]:
    yield from texts_of(body.get("messages"))


def _chat_usage(message: Message) -> dict[str, Any]:
    sent = message.fresh + message.held
    return {
        "prompt_tokens": sent,
        "completion_tokens": _OUTPUT,
        "total_tokens": sent + _OUTPUT,
        "prompt_tokens_details": {"cached_tokens": message.held},
    }


def _chat_calls(message: Message) -> list[dict[str, Any]]:
    return [
        {
            "index": place,
            "id": call,
            "type": "function",
            "function": {"name": use.name, "arguments": json.dumps(use.input)},
        }
        for place, (call, use) in enumerate(message.uses)
    ]


def _chat_completion(message: Message) -> dict[str, Any]:
    said = {"role": "assistant", "content": message.text, "tool_calls": _chat_calls(message) or None}
    reason = "tool_calls" if message.uses else "stop"
    return {
        "id": f"chatcmpl-{message.number}",
        "object": "chat.completion",
        "created": 1,
        "model": message.model,
        "choices": [{"index": 0, "message": said, "finish_reason": reason}],
        "usage": _chat_usage(message),
    }


def _chat_stream(message: Message) -> str:
    frame = {
        "id": f"chatcmpl-{message.number}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": message.model,
    }
    delta: dict[str, Any] = {"role": "assistant", "content": message.text}
    if message.uses:
        delta["tool_calls"] = _chat_calls(message)
    reason = "tool_calls" if message.uses else "stop"
    chunks = [
        {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        {**frame, "choices": [], "usage": _chat_usage(message)},
    ]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


# Gemini's own API.


def _gemini_said(body: Mapping[str, Any]) -> int:
    return sum(content.get("role") == "model" for content in body.get("contents", []))


def _gemini_texts(body: Mapping[str, Any]) -> Iterator[str]:
    yield from texts_of(body.get("systemInstruction"))
    yield from texts_of(body.get("contents"))


def _gemini_answer(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"text": message.text}] if message.text else []
    parts += [{"functionCall": {"name": use.name, "args": dict(use.input)}} for _, use in message.uses]
    sent = message.fresh + message.held
    return {
        "candidates": [
            {"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"},
        ],
        "usageMetadata": {
            "promptTokenCount": sent,
            "cachedContentTokenCount": message.held,
            "candidatesTokenCount": _OUTPUT,
            "totalTokenCount": sent + _OUTPUT,
        },
        "modelVersion": message.model,
    }


def _gemini_stream(message: Message) -> str:
    return f"data: {json.dumps(_gemini_answer(message))}\r\n\r\n"


def _gemini_error(failure: Failure) -> dict[str, Any]:
    status = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE"}
    said = {"code": failure.status, "message": failure.message}
    return {"error": {**said, "status": status.get(failure.status, "INVALID_ARGUMENT")}}


CLAUDE = Dialect(_claude_said, _claude_texts, _claude_message, _claude_stream, _claude_error)
CODEX = Dialect(_codex_said, _codex_texts, _codex_response, _codex_stream, _openai_error)
CHAT = Dialect(_chat_said, _chat_texts, _chat_completion, _chat_stream, _openai_error)
GEMINI = Dialect(_gemini_said, _gemini_texts, _gemini_answer, _gemini_stream, _gemini_error)

_BY_PATH = {"/v1/messages": CLAUDE, "/v1/responses": CODEX, "/v1/chat/completions": CHAT}
