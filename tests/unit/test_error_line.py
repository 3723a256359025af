"""The line of an error that is shown in tables."""

import pytest

from cdock.core.error_line import error_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("", ""),
        (" \n\n", ""),
        ("signal 9 ended it", "signal 9 ended it"),
        ("Traceback:\n  File x\nKeyError: 'x'\n\n", "KeyError: 'x'"),
        ("$ make\nmake: *** [all] Error 1\n[exit 2]\n", "make: *** [all] Error 1"),
        ("$ test -e page.md\n[exit 1]", "$ test -e page.md"),
        ("[exit 1]", "[exit 1]"),
    ],
)
def test_it_is_the_last_that_says_something(error: str, line: str) -> None:
    assert error_line(error) == line
