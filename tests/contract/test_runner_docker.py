"""The Docker runner keeps the promises of `Runner`."""

from collections.abc import Iterator

import pytest

from cdock.adapters.docker.runner import DockerRunner
from cdock.core.ids import TaskId
from tests.contract.control_contract import RealControlContract
from tests.contract.runner_contract import BRANCH, Program
from tests.docker_engine import Place, place


@pytest.mark.docker
class TestDockerRunner(RealControlContract):
    place: Place

    @pytest.fixture(autouse=True)
    def _place(self, _mirror: None) -> Iterator[None]:
        with place() as self.place:
            yield

    @pytest.fixture
    def task(self, _place: None) -> TaskId:
        return self.place.task

    def runner(self) -> DockerRunner:
        return self.place.runner()

    def touch(self, task: TaskId, name: str) -> None:
        client = self.place.engine.connect(tried="going on")
        client.exec_start(client.exec_create(task.run(1), ["touch", f"/workspace/{name}"])["Id"])

    def alive_of(self, task: TaskId) -> int:
        client = self.place.engine.connect(tried="looking")
        return len(client.containers(filters={"label": f"io.cdock.task={task}"}))

    def test_nothing_of_it_is_left_on_the_engine_after_clear(self, task: TaskId) -> None:
        runner = self.runner()
        self.run(runner, self.spec(task, Program(commits=("work",))))
        self.subjects(runner.remote(task), branch=BRANCH)
        runner.clear(task)
        client = self.place.engine.connect(tried="looking")
        assert client.containers(all=True, filters={"label": f"io.cdock.task={task}"}) == []
        assert not client.volumes(filters={"label": f"io.cdock.task={task}"})["Volumes"]
