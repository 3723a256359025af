"""Which failures count as the same error again, and which as progress."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.fingerprint import fingerprint, key_of

FAILURES = Path(__file__).parent.parent / "fixtures" / "failures"
"""What real tools printed: `first` and `again` are one failure at two places and times, `other` is another one."""
TOOLS = sorted(path.name.partition(".")[0] for path in FAILURES.glob("*.first.txt"))

SAME = {
    "another worktree and line": (
        "/wt/auth/src/a.ts:3:5 - error TS2322: Type 'string' is not assignable to type 'number'.",
        "/wt/log/src/a.ts:8:1 - error TS2322: Type 'string' is not assignable to type 'number'.",
    ),
    "another address": (
        "RuntimeError: <Foo object at 0x7f1> is no good",
        "RuntimeError: <Foo object at 0x9ab> is no good",
    ),
    "another port": (
        "Error: connect ECONNREFUSED 127.0.0.1:41233",
        "Error: connect ECONNREFUSED 127.0.0.1:55012",
    ),
    "another order and worker": (
        "[gw0] [ 50%] FAILED t.py::a\n[gw1] [100%] FAILED t.py::b\nFAILED t.py::a\nFAILED t.py::b\n",
        "[gw3] [ 50%] FAILED t.py::b\n[gw0] [100%] FAILED t.py::a\nFAILED t.py::b\nFAILED t.py::a\n",
    ),
    "a number inside a name": (
        "Error: ENOENT: no such file or directory, open 'missing-22819x.txt'",
        "Error: ENOENT: no such file or directory, open 'missing-33914x.txt'",
    ),
    "colour": ("\x1b[1;31mE   KeyError: 'x'\x1b[0m\x1b]0;title\x07", "E   KeyError: 'x'"),
    "another duration": ("FAILED t.py::a\n1 failed in 0.04s", "FAILED t.py::a\n1 failed in 1.31s"),
    "another line": (
        "File \"/wt/auth/app.py\", line 10, in main\nKeyError: 'x'",
        "File \"/wt/log/app.py\", line 14, in main\nKeyError: 'x'",
    ),
    "another id of a request": (
        'API Error: 500 {"type":"error","request_id":"req_011CSHoEeqs5C35K2UUqR7Fy"}',
        'API Error: 500 {"type":"error","request_id":"req_019XbQpAAqs5C35K2UUqQ2Za"}',
    ),
    "another commit": (
        "fatal: could not apply 3f2a91c... Add login",
        "fatal: could not apply 9bd01e7... Add login",
    ),
    "another uuid": (
        "Error: no session 0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11",
        "Error: no session 77777777-9f0d-4dd6-8f0a-6a3c3e9d4f11",
    ),
    "another time": (
        "2026-01-15T10:00:00.123Z ERROR cannot connect at 10:00:00",
        "2026-02-16 11:30:59,9+01:00 ERROR cannot connect at 9:30:01",
    ),
    "another day": (
        "error: certificate expired Mon, 15 Jan 2024 10:00:00 GMT",
        "error: certificate expired Tue, 16 Jan 2024 11:00:00 GMT",
    ),
    "an address on the web, with another port and query": (
        "Error: failed to fetch https://cdn.example:8443/a?sig=91",
        "Error: failed to fetch https://cdn.example:9443/a?sig=17",
    ),
    "a reason cut at another width": (
        "FAILED t.py::a - RuntimeError: session 0b9b54d4-9f0d-4dd...",
        "FAILED t.py::a - RuntimeError: session 7777...",
    ),
    "windows line ends and a progress bar": (
        "10%\r50%\rError: no space left\r\n",
        "Error: no space left\n",
    ),
    "more noise around": (
        "Compiling a v0.1\nDownloading b\nerror[E0308]: mismatched types\n",
        "error[E0308]: mismatched types\nBlocking waiting for file lock\n",
    ),
    "a library elsewhere": (
        "Error: cannot load /usr/lib/python3.12/site-packages/foo/bar.py:10",
        "Error: cannot load /home/ada/.venv/lib/python3.11/site-packages/foo/bar.py:12",
    ),
    "heap of another size": (
        "FATAL ERROR: out of memory at 512.3 MB",
        "FATAL ERROR: out of memory at 498.1 MB",
    ),
    "what went well beside it": (
        "FAIL src/cart.test.js\n  ✓ adds tax (3 ms)\n  ✕ sums (4 ms)",
        "FAIL src/cart.test.js\n  ✓ adds tax (9 ms)\n  ✓ rejects what is invalid (1 ms)\n  ✕ sums (2 ms)",
    ),
    "a remark beside an error, and what stands below it": (
        "warning: unused variable 'x'\n    7 | int x;\n      |     ^\na.c:9:1: error: expected ';'",
        "a.c:9:1: error: expected ';'",
    ),
    "source shifted by some lines": (
        "error[E0425]: cannot find value `n`\n --> src/a.rs:7:5\n  |\n6 | fn f() {\n7 |     n\n  |     ^",
        "error[E0425]: cannot find value `n`\n --> src/a.rs:9:5\n  |\n8 | fn f() {\n9 |     n\n  |     ^",
    ),
    "a range of columns": (
        'File "a.ml", line 7, characters 16-21:\nError: Unbound value n',
        'File "a.ml", line 9, characters 18-23:\nError: Unbound value n',
    ),
    "a log's process and thread": (
        "2026-11-21 17:45:16,277 - ERROR - [12345] cannot open carts",
        "2026-11-21 18:01:02,003 - ERROR - [77] cannot open carts",
    ),
    "a small process id": (
        "==88==ERROR: AddressSanitizer: heap-use-after-free",
        "==713==ERROR: AddressSanitizer: heap-use-after-free",
    ),
    "an id that is called one": (
        "An error occurred (AccessDenied): Access Denied (RequestId: 4Z9WQKXTBF7YJ2H1)",
        "An error occurred (AccessDenied): Access Denied (RequestId: T1H1YQ2RFC8CYV5K)",
    ),
    "another pod of a deployment": (
        'Error from server: pods "web-7d4b9c6f5d-x2x9z" not found',
        'Error from server: pods "web-5c9f8d7b64-qk7wn" not found',
    ),
    "rates and shares": (
        "1) sums\n  Expected: 3\n  Actual: 2\nFinished in 0.1s, 30.0 runs/s\ncoverage: 81.2% of statements",
        "1) sums\n  Expected: 3\n  Actual: 2\nFinished in 0.2s, 15.0 runs/s\ncoverage: 80.9% of statements",
    ),
    "a cold cache": (
        "go: downloading example.org/x v1.2.0\nok  \texample.org/b\t0.003s\n--- FAIL: TestSum (0.00s)\n    a.go:4: 5",
        "ok  \texample.org/b\t(cached)\n--- FAIL: TestSum (0.00s)\n    a.go:4: 5",
    ),
    "a step that came later this time": (
        "[1/2] CC a.o\nFAILED: a.o\na.c:1:2: error: no\n[2/2] CC b.o",
        "[1/2] CC b.o\n[2/2] CC a.o\nFAILED: a.o\na.c:1:2: error: no",
    ),
    "more that went well, in a group of its own": (
        "FAIL a.test.js\n  price\n    ✓ tea\n  stock\n    ✕ jam",
        "FAIL a.test.js\n  stock\n    ✕ jam",
    ),
    "a library of another environment, seen from the checkout": (
        "KeyError: 'x'\n../../.venvs/shop/lib/python3.11/site-packages/a/b.py:7: KeyError",
        "KeyError: 'x'\n../.venv/lib/python3.11/site-packages/a/b.py:7: KeyError",
    ),
    "the same thing twice": ("KeyError: 'x'\nKeyError: 'x'", "KeyError: 'x'"),
}

DIFFERENT = {
    "code": ("error TS2322: Type", "error TS2345: Type"),
    "oracle's code": ("ORA-00942: no table", "ORA-00943: no table"),
    "exception": ("KeyError: 'x'", "AttributeError: 'x'"),
    "status": ("Error: request failed with status 404", "Error: request failed with status 500"),
    "fewer failing tests": ("FAILED t.py::a - x\nFAILED t.py::b - x\n", "FAILED t.py::a - x\n"),
    "module": ("No module named 'yaml'", "No module named 'click'"),
    "value": ("assert 2 == 3", "assert 4 == 3"),
    "value in pytest's words": (
        "E       assert 2 == 3\nFAILED t.py::a - assert 2 == 3",
        "E       assert 4 == 3\nFAILED t.py::a - assert 4 == 3",
    ),
    "value in go's words": (
        "--- FAIL: TestSum (0.00s)\n    x_test.go:4: sum() = 5; want 4",
        "--- FAIL: TestSum (0.00s)\n    x_test.go:4: sum() = 6; want 4",
    ),
    "value in jest's words": (
        "● sums\n    expect(received).toBe(expected)\n    Expected: 3\n    Received: 2",
        "● sums\n    expect(received).toBe(expected)\n    Expected: 3\n    Received: 7",
    ),
    "version": ("error: needs node >=18.2", "error: needs node >=20.1"),
    "exit code": ("make: *** [Makefile:2: test] Error 1", "make: *** [Makefile:2: test] Error 2"),
    "exit code of an agent": (
        "the agent ended with exit code 1 and said nothing",
        "the agent ended with exit code 2 and said nothing",
    ),
    "test of the same file name": (
        "FAILED tests/unit/test_a.py::test_x",
        "FAILED tests/integration/test_a.py::test_x",
    ),
    "path of a request": ("Error: GET /api/users/12 gave 404", "Error: GET /api/orders/12 gave 404"),
    "number of failures alone": ("3 failed in 0.04s", "2 failed in 0.04s"),
    "a title right above": (
        "TASK [web : install] ****\nfatal: [a]: FAILED! => no",
        "TASK [web : upgrade] ****\nfatal: [a]: FAILED! => no",
    ),
    "what a line speaks of that names no file": (
        "checking file a.txt\nHunk #1 FAILED at 1.",
        "checking file b.txt\nHunk #1 FAILED at 1.",
    ),
    "what was required": (
        "A.java:7: error: incompatible types\n  required: int\n  found: String",
        "A.java:7: error: incompatible types\n  required: int\n  found: Cart",
    ),
    "a number that a word for failure names": ("Error 1045", "Error 1046"),
    "odd words of a check": (
        "$ ./verify\nthe moon is full\n[exit 1]\n",
        "$ ./verify\nthe tide is out\n[exit 1]\n",
    ),
    "more than can be read at once": (
        "\n".join(f"FAILED t.py::test_{n:03}" for n in range(100)),
        "\n".join(f"FAILED t.py::test_{n:03}" for n in range(99)),
    ),
    "what stands below a line that tells": (
        "a_test.cc:12: Failure\nExpected equality of these values:\n  total()\n    Which is: 2\n  3",
        "a_test.cc:12: Failure\nExpected equality of these values:\n  total()\n    Which is: 4\n  3",
    ),
    "what a line that tells stands below": (
        "src/a.css\n  7:16  ✖  Unexpected unit",
        "src/b.css\n  7:16  ✖  Unexpected unit",
    ),
    "what a panic says": (
        "thread 'main' panicked at src/a.rs:4:21:\nindex 7 of 3",
        "thread 'main' panicked at src/a.rs:4:21:\nindex 8 of 3",
    ),
    "what a colon promises": (
        "CMake Error at CMakeLists.txt:7 (add_executable):\n  Cannot find source file:\n\n    a.c",
        "CMake Error at CMakeLists.txt:7 (add_executable):\n  Cannot find source file:\n\n    b.c",
    ),
    "source that is pointed at": (
        '  File "a.py", line 7\n    x = = 1\n        ^\nSyntaxError: invalid syntax',
        '  File "a.py", line 7\n    def f(:\n          ^\nSyntaxError: invalid syntax',
    ),
    "file at the end of a line": (
        "unformatted: File would be reformatted\n --> a.py:1:6",
        "unformatted: File would be reformatted\n --> b.py:1:6",
    ),
    "a warning in a file, beside an error": (
        "a.c:7:5: warning: implicit declaration of function 'totl'\na.c:9:1: error: expected ';'",
        "a.c:7:5: warning: implicit declaration of function 'totol'\na.c:9:1: error: expected ';'",
    ),
    "warnings, when nothing else was found": (
        "a.sh:7:3: warning: x is unused\nmake: *** [Makefile:2: lint] Error 1",
        "a.sh:7:3: warning: y is unused\nmake: *** [Makefile:2: lint] Error 1",
    ),
    "large code": ("ERROR 1045 (28000): no", "ERROR 1044 (28000): no"),
    "advisory": ("found CVE-2023-45853, not fixed", "found CVE-2023-45999, not fixed"),
    "host": ("Error: failed to fetch https://a.example/x", "Error: failed to fetch https://b.example/x"),
    "address on the web": (
        "Error: GET https://a.example/carts: 404",
        "Error: GET https://a.example/users: 404",
    ),
    "parameter of a test": ("FAILED t.py::a[2024]", "FAILED t.py::a[2025]"),
    "words that look like progress": ("Exception:\nString index 7", "Exception:\nString index 8"),
    "command that failed": ("$ make lint\n[exit 1]\n", "$ make test\n[exit 1]\n"),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_error_again(case: str) -> None:
    before, after = SAME[case]
    assert key_of(before) == key_of(after)
    assert fingerprint(before) == fingerprint(after)


@pytest.mark.parametrize("case", DIFFERENT)
def test_progress_is_seen(case: str) -> None:
    before, after = DIFFERENT[case]
    assert fingerprint(before) != fingerprint(after), key_of(before)


CHECKOUTS = (
    "/home/ana/src/shop", "/home/mia/work/3/shop", "/Users/mia/code/acme/shop", "/root/shop", "/workspace", "/repo",
    "/usr/src/app", "/tmp/tmp.Xq81kdPz0v/checkout", "/private/var/folders/zz/a1/T/wt-1/shop", "/builds/acme/shop",
    "/home/runner/work/shop/shop", "/home/bob/.local/share/cdock/wt/fix-login", "/srv/build/agent-3",
    "/var/lib/cdock/worktrees/issue-42", "/mnt/ws/3/tree", "/home/u/go/src/github.com/acme/shop",
)  # fmt: skip
"""Where a checkout may lie."""


@pytest.mark.parametrize("checkout", CHECKOUTS)
@pytest.mark.parametrize(
    "line",
    [
        'File "{}/app.py", line 7, in main',
        "{}/src/a.ts:7:3 - error TS2322: no",
        "error: failed to get `ledger` for package `shop v0.1.0 ({})`",
        "at total (file://{}/tests/unit/a.test.js:7:3)",
        "Error: no tests in {}/tests/unit",
        "fatal: not a valid directory: '{}'",
    ],
)
def test_where_a_checkout_lies_makes_no_difference(line: str, checkout: str) -> None:
    assert key_of(line.format(checkout)) == key_of(line.format("/home/dev/app"))


def test_directories_that_all_checkouts_have_do() -> None:
    unit, whole = (key_of(f"/home/dev/app/tests/{kind}/test_a.py:7: KeyError") for kind in ("unit", "whole"))
    assert unit != whole


@pytest.mark.parametrize("tool", TOOLS)
def test_what_real_tools_print(tool: str) -> None:
    first, again, other = (
        (FAILURES / f"{tool}.{which}.txt").read_text(encoding="utf-8")
        for which in ("first", "again", "other")
    )
    assert first != again, "the two texts are from two runs"
    assert key_of(first) == key_of(again)
    assert fingerprint(first) != fingerprint(other), key_of(first)


def test_real_failures_of_different_tools_differ() -> None:
    prints = {fingerprint((FAILURES / f"{tool}.first.txt").read_text(encoding="utf-8")) for tool in TOOLS}
    assert len(prints) == len(TOOLS) >= 10


def test_what_is_hashed_can_be_read() -> None:
    assert (
        key_of("\x1b[31mE   KeyError: 'x'\x1b[0m\ncollected 3 items\n== 1 failed in 0.1s ==")
        == "E KeyError: 'x'"
    )


def test_an_error_without_telling_words_is_named_by_its_last_lines() -> None:
    noise = "".join(f"step {n}\n" for n in range(100, 150))
    assert fingerprint(f"{noise}it went wrong") == fingerprint(f"step 1\n{noise}it went wrong")
    assert fingerprint(f"{noise}it went wrong") != fingerprint(f"{noise}it went well")


def test_nothing_at_all_is_not_the_same_as_something() -> None:
    assert fingerprint("") == fingerprint(" \n====\n")
    assert fingerprint("") != fingerprint("1 failed in 0.1s")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    [
        "x",
        "a.",
        "1",
        "/a",
        "/",
        "f0",
        "\x1b]",
        "@a.",
        "thread '",
        " - ",
        "FAILED ",
        "FAILED a - ",
        "../",
        "/src/",
        "tests 1 ",
        "ok ",
        "Doing ",
        "1:",
        "99%",
        "E",
        "/cdock.",
        "cdock.a.",
        "exit 1 ",
        "(1 ",
        "Test #1: ",
        "a_time",
        "\x1b[2K",
        "| ^",
    ],
)
def test_a_huge_line_takes_no_long_time(piece: str) -> None:
    fingerprint(piece * (200_000 // len(piece)))
    fingerprint(f"FAILED {piece * (200_000 // len(piece))}\n")


@given(st.text(alphabet=st.characters()))
def test_any_text_has_one(text: str) -> None:
    assert len(fingerprint(text)) == 32
    assert fingerprint(f"{text}\ud800")
    assert fingerprint(text) == fingerprint(text.replace("\n", "\r\n"))
