"""The scripted model API answers as its scenario says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.model_api import SIDE_ANSWER, Failure, ModelApi, Use

TOOLS = [{"name": "Bash"}]
ASK = {"role": "user", "content": "Build it."}
DONE = {"role": "assistant", "content": [{"type": "text", "text": "Done."}]}


@pytest.fixture
def api() -> Iterator[ModelApi]:
    with ModelApi([["Look.", Use("Bash", {"command": "ls"})], ["Done."]]) as running:
        yield running


def post(api: ModelApi, path: str = "/v1/messages", **body: Any) -> requests.Response:
    body = {"model": "m", "tools": TOOLS, "messages": [ASK], **body}
    return requests.post(f"{api.url}{path}", json=body, headers={"x-api-key": "sk-test"}, timeout=10)


def events(answer: requests.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_the_turn_follows_from_the_messages_in_the_request(api: ModelApi) -> None:
    first, again = post(api).json(), post(api).json()
    second = post(api, messages=[ASK, DONE, ASK]).json()
    assert [block["type"] for block in first["content"]] == ["text", "tool_use"]
    assert first["stop_reason"] == "tool_use"
    assert again == first
    assert (second["content"][0]["text"], second["stop_reason"]) == ("Done.", "end_turn")


def test_a_stream_says_the_same(api: ModelApi) -> None:
    answer = post(api, stream=True)
    seen = events(answer)
    assert answer.headers["content-type"] == "text/event-stream"
    assert [event["type"] for event in seen[:2]] == ["message_start", "content_block_start"]
    assert json.loads(seen[5]["delta"]["partial_json"]) == {"command": "ls"}
    assert seen[-2]["delta"]["stop_reason"] == "tool_use"
    assert seen[-1] == {"type": "message_stop"}


def test_failures_come_first_and_are_used_up() -> None:
    with ModelApi([["Hello."]], failures=[Failure(529), Failure(429, "slow", {"retry-after": "1"})]) as api:
        answers = [post(api) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [529, 429, 200]
    assert answers[0].json()["error"]["type"] == "overloaded_error"
    assert answers[1].headers["retry-after"] == "1"


def test_a_request_beyond_the_scenario_is_refused(api: ModelApi) -> None:
    answer = post(api, messages=[ASK, DONE, ASK, DONE, ASK])
    assert answer.status_code == 400
    assert "there is no number 3" in answer.json()["error"]["message"]


def test_calls_beside_the_conversation_use_no_turn(api: ModelApi) -> None:
    assert requests.head(api.url, timeout=10).status_code == 200
    assert post(api, "/v1/messages/count_tokens").json() == {"input_tokens": 10}
    assert post(api, tools=[]).json()["content"][0]["text"] == SIDE_ANSWER
    assert api.conversation == []


def test_requests_are_kept(api: ModelApi) -> None:
    result = {"role": "user", "content": [{"type": "tool_result", "content": [{"text": "a.txt"}]}]}
    post(api, system=[{"type": "text", "text": "Be brief."}], messages=[ASK, DONE, result])
    [kept] = api.conversation
    assert kept.key == "sk-test"
    assert kept.text.split("\n") == ["Be brief.", "Build it.", "Done.", "a.txt"]
