"""The coarse class of an error: who complained, by which name."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdock.core.failure_class import UNKNOWN, class_of
from cdock.core.fingerprint import fingerprint

CLASSES = {
    "E   AssertionError: no\nFAILED t.py::a": "python:AssertionError",
    "Traceback (most recent call last):\nrequests.exceptions.ConnectionError: x": "python:ConnectionError",
    "src/a.ts:3:5 - error TS2322: Type": "tsc:TS2322",
    "\x1b[31merror\x1b[0m[E0308]: mismatched types\n --> a.rs:1:1": "rustc:E0308",
    " ! [rejected]        main -> main (fetch first)\nerror: failed to push": "git:rejected",
    "CONFLICT (content): Merge conflict in a.txt": "git:conflict",
    "E   Failed: Timeout (>1.0s) from pytest-timeout.": "timeout",
    "no end after 30 minutes": "timeout",
    "$ ./verify\nthe moon is full\n[exit 2]\n": "check:exit 2",
    "API Error: 529 Overloaded. This is a server-side issue": "api:529",
    "You've hit your 5-hour limit · resets 8am (UTC)": "api:limit",
    "litellm.RateLimitError: RateLimitError: x": "api:RateLimitError",
    "the agent ended with exit code 137 and said nothing": "agent:exit code 137",
    "npm error code ERESOLVE\nnpm error x": "npm:ERESOLVE",
    "make: *** [Makefile:2: all] Error 2": "make:Error 2",
    'Exception in thread "main" java.lang.NullPointerException: x\n\tat A.b(A.java:3)': "java:NullPointerException",
    "run.sh: line 3: 391 Segmentation fault      ./a": "signal:Segmentation fault",
    "the moon is full": UNKNOWN,
    "": UNKNOWN,
}
HOSTILE = (
    "a", " ", "\t", "\r", "1", "/", ".", ":", "|", "-", "[", "(", "@", "\x1b", "\x1b[", "\n",
    "Error", "error: ", "FAILED ", "E ", "at ", ".py:1: error: ", "[a", "fatal: ", "a.", "java.", "1:",
    "1,111", "12:00 ", "/tmp/a", "/home/a", "<", "0x", "2026-01-01", "thread '", "Caused by: ",
    "npm error code E", "~/", "Jan 1", "1s ", "-0", "#1 ", "''", "\ud800", "\u00e9", "\u017f",
)  # fmt: skip


@pytest.mark.parametrize("error", CLASSES)
def test_who_complained_and_how(error: str) -> None:
    assert class_of(error) == CLASSES[error]


def test_values_places_and_order_make_no_other_class() -> None:
    assert class_of("src/a.ts(3,5): error TS2322: x\nsrc/b.ts(1,1): error TS2304: y") == class_of(
        "/x/b.ts:9:9 - error TS2304: z\n/x/a.ts:8:1 - error TS2322: x"
    )
    assert class_of("E   assert 1 == 2") == class_of("E   assert 5 == 9") == "python:assert"


@given(st.text(alphabet=st.characters()))
def test_any_text_has_one(text: str) -> None:
    assert class_of(text)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4), st.sampled_from(HOSTILE), st.booleans())
@example(["\t"], "x", False)
@example(["/tmp/a/", "a"], "@", False)
def test_a_hostile_text_takes_time_in_proportion(pieces: list[str], end: str, whole: bool) -> None:
    """40 kB: what grows with the square takes many seconds, what is in proportion a quarter of one."""
    piece = "".join(pieces)
    text = (piece if whole else f"{pieces[0]}{piece}") * (40_000 // (len(piece) + len(pieces[0]))) + end
    began = time.process_time()
    fingerprint(text)
    class_of(text)
    assert time.process_time() - began < 2
