"""What people bring from elsewhere works as it is written: Flux's plan, Flocks' tasks and template."""

import re
from pathlib import Path

from tests.acceptance.workshop import Workshop

FLUX = Path(__file__).parents[1] / "fixtures" / "plans" / "flux.md"
FLOCKS = (
    '{"id": "test-1", "branch": "flocks/test-1", "prompt": '
    "\"Create a file /tmp/proof.txt containing 'hello'. Do nothing else.\"}\n"
)
TEMPLATE = "{{prompt}}\n{{task.id}}\n{{task.branch}}\n{{task.title}}\n"
SETTINGS = (
    '[agent]\ndefault = "command"\n[agent.command]\nargv = ["sh", "agent.sh", "{prompt_file}"]\n'
    '[runner]\nkind = "local"\n[budget]\nbackoff = "0s"\n'
    '[poll]\ninterval = "1s"\nharvest_every = "1s"\npush_every = "1s"\n'
)
AGENT = 'cp "$1" told.txt && git add told.txt && git commit -qm "Write down what I was told"\n'


def test_the_tasks_of_flocks_are_worked_on_as_they_are_written(workshop: Workshop) -> None:
    workshop.start_repository(
        {
            ".gitignore": "/.cdock/*\n!/.cdock/templates/\n",
            "cdock.toml": SETTINGS,
            "agent.sh": AGENT,
            ".cdock/templates/prompts/task.md": TEMPLATE,
        }
    )
    other = workshop.open_issue("Somebody else's")
    tasks = workshop.folder / "test-tasks.jsonl"
    tasks.write_text(FLOCKS)
    done = workshop.cdock("run", "--once", "--tasks", str(tasks))
    assert done.returncode == 0, done.stderr
    (pull,) = workshop.pulls()
    branch = pull["head"]["ref"]
    assert re.fullmatch(r"cdock/test-1\.[0-9a-f]{7}", branch)
    workshop.git("fetch", "-q", "origin", branch)
    assert workshop.git("show", "FETCH_HEAD:told.txt").splitlines() == [
        "Create a file /tmp/proof.txt containing 'hello'. Do nothing else.",
        branch.replace("/", ".", 1),
        branch,
        "Create a file /tmp/proof.txt containing 'hello'. Do nothing else.",
    ]
    assert "agent-ready" in workshop.labels(other), "only what is in the list was claimed"

    again = workshop.cdock("run", "--once", "--tasks", str(tasks))
    assert again.returncode == 0, again.stderr
    assert len(workshop.pulls()) == 1
    assert len(workshop.api("GET", "/issues?state=all")) == 3, "two issues and the pull request"


def test_the_plan_of_flux_becomes_issues_as_it_is_written(workshop: Workshop) -> None:
    workshop.start_repository({"cdock.toml": SETTINGS, "PLAN-auth.md": FLUX.read_text()})
    done = workshop.cdock("plan", "import", "PLAN-auth.md", "--publish")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    parent = int(first.removeprefix("#").split()[0])
    assert "agent-plan" in workshop.labels(parent)
    numbers = [int(line.split()[0].removeprefix("#")) for line in rest]
    assert [workshop.labels(number) for number in numbers] == [{"stage-1"}, {"stage-2"}, {"stage-2"}]
    parts = workshop.api("GET", f"/issues/{parent}/sub_issues")
    assert sorted(part["number"] for part in parts) == sorted(numbers)
    body = workshop.api("GET", f"/issues/{numbers[1]}")["body"]
    assert f"### Depends on\n\n#{numbers[0]}" in body
    assert "```sh\ncargo test --lib api\n```" in body

    again = workshop.cdock("plan", "import", "PLAN-auth.md", "--publish")
    assert f"it is published already: #{parent}" in again.stderr
    assert len(workshop.api("GET", "/issues?state=all")) == 4
    assert f"#{numbers[0]} Data Models" in workshop.cdock("plan", "show", str(parent)).stdout
