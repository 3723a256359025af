"""What every test may need: real parts that must be there in CI and may be missing at home."""

import os
import shutil

import pytest
from hypothesis import settings

# At home each run tries other examples; in CI the same change has to give the same result.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")

# Marker: what is looked for, and how to get it.
PARTS = {
    "docker": ("a Docker Engine with the agent image", "see docs/how-to/develop.md, or run .ci/run"),
    "browser": ("Chromium", "install the package chromium"),
    "claude": ("the Claude Code CLI", "npm install -g @anthropic-ai/claude-code"),
    "gh": ("gh", "it comes with the dev dependencies: uv sync"),
}


def _there(part: str) -> bool:
    if part == "docker":
        from tests.docker_engine import engine_ready

        return engine_ready()
    program = {"browser": "chromium", "claude": "claude", "gh": "gh"}[part]
    return shutil.which(program) is not None


_seen: dict[str, bool] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real part is missing, with the reason; in CI, where all parts are installed, fail it."""
    for part, (what, how) in PARTS.items():
        if item.get_closest_marker(part) is None:
            continue
        if part not in _seen:
            _seen[part] = _there(part)
        if not _seen[part]:
            reason = f"{what} is not here ({how})"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what belongs to the person who runs it."""
    monkeypatch.setenv("CDOCK_HOME", str(tmp_path_factory.mktemp("cdock-home")))
    for name in ("CDOCK_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "GH_HOST", "GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
