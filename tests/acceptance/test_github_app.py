"""The loop as a GitHub App: the real command, the embedded forge, a key in place of a token."""

from tests.acceptance.test_loop import GOOD
from tests.acceptance.workshop import Workshop, scripted


def test_an_app_takes_an_issue_to_its_merged_pull_request(workshop: Workshop) -> None:
    key = workshop.folder / "app.pem"
    made = workshop.forge.admin(
        "app", "Robot", "--key", str(key), "--install", workshop.repository,
        "--permissions", "contents=write,issues=write,pull_requests=write,metadata=read",
    )  # fmt: skip
    workshop.start_repository(
        scripted(GOOD, more=f'[github]\napp_id = {made["id"]}\nkey_file = "~/robot.pem"\n')
    )
    (workshop.folder / "home").mkdir(exist_ok=True)
    key.rename(workshop.folder / "home" / "robot.pem")
    workshop.extra_env["CDOCK_TOKEN"] = ""
    number = workshop.open_issue("Write the file")
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    (pull,) = workshop.pulls()
    (status,) = workshop.comments(number)
    assert {pull["user"]["login"], status["user"]["login"]} == {"robot[bot]"}

    workshop.api("PUT", f"/pulls/{pull['number']}/merge", {"sha": pull["head"]["sha"]})
    done = workshop.cdock("run", "--once")
    assert done.returncode == 0, done.stderr
    assert "done" in workshop.labels(number)
    (edited,) = workshop.comments(number)
    assert edited["id"] == status["id"], "its own comment is known again by another process"
    assert workshop.claims() == ""

    found = workshop.cdock("doctor")
    assert "✓ token       robot[bot], from the GitHub App" in found.stdout
    assert "✓ may         push branches and claims" in found.stdout
    assert "✗ may" not in found.stdout
