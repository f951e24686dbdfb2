"""The topology of the compose file as processes of one machine, with its restart policy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from container_files import environment_file, service
from statsd_server import Statsd
from system.distributed.servers import Given, Postgres, Redis, lasting_port

from ims_airflow import metrics
from ims_airflow.demo.component import Component
from ims_airflow.demo.environment import without_proxy
from ims_airflow.demo.failure import DemoError
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.port import free_port
from ims_airflow.demo.stack import AirflowStack

VARIABLE = "AIRFLOW_CONN_HUAWEICLOUD_IMS_DEFAULT"
LAYOUT = ("api-server", "scheduler", "dag-processor", "triggerer", "triggerer", "worker", "worker")
POLICIES = Path(__file__).parent / "policies"
# What takes minutes by default takes seconds here.
QUICK = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CORE__PARALLELISM": "16",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "3",
    # Whoever waits in the queue for a minute is queued anew, which a lost message needs. After two times
    # Airflow fails the task for good, whatever its retries, and a busy machine makes it wait as well.
    "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "20",
}


class Emulator:
    """The emulator as a process, which can be stopped and go on.

    :param directory: for its log.
    """

    def __init__(self, directory: Path, keeper: Keeper) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        environment = {"PYTHONPATH": ":".join(path for path in sys.path if path), "NO_PROXY": without_proxy()}
        words = ["emulator", "--port", self.url.rpartition(":")[2], *service("emulator")["command"]]
        program = (sys.executable, "-P", "-m", "ims_airflow")
        log = directory / "emulator.log"
        self.process = Component("emulator", words, environment, log, keeper, program=program)

    def start(self) -> None:
        self.process.start()
        end = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < end, self.process.tail()
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/_emulator/health", timeout=5).ok
        except requests.RequestException:
            return False

    def tell(self, method: str, path: str, **body: Any) -> Any:
        answer = requests.request(method, f"{self.url}/_emulator/{path}", json=body or None, timeout=30)
        assert answer.ok, answer.text
        return answer.json()

    def put(self, bucket: str, key: str) -> None:
        """Put an empty disk of 1 GB there."""
        self.tell("POST", "objects", bucket=bucket, key=key, size=2**30)

    @property
    def submissions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tell("GET", "submissions")
        return found

    @property
    def connection(self) -> str:
        """The demo's Connection, but for the address; trouble shows sooner than after a minute."""
        text = environment_file("demo.env")[VARIABLE].replace("http://emulator:8090", self.url)
        return text.replace('"extra": {', '"extra": {"read_timeout": 10, ')


class Deployment:
    """All processes, what was done to them, and the restart policy.

    :param settings: more of the environment.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        keeper: Keeper,
        *,
        servers: tuple[Postgres | Given, Redis | Given],
        emulator: Emulator,
        statsd: Statsd,
        settings: Mapping[str, str],
    ) -> None:
        self.database, self.broker = servers
        self.emulator = emulator
        self.done: list[str] = []
        self.restarted: Counter[str] = Counter()
        self.heard: Counter[str] = Counter()
        self._statsd = statsd
        self._began = time.monotonic()
        self.scheduler_port = lasting_port()
        self.stack = AirflowStack(
            home,
            dags,
            keeper,
            layout=LAYOUT,
            patience=300,  # the processors are shared by twice as many components as in the demo
            settings={
                **QUICK,
                VARIABLE: emulator.connection,
                "PYTHONPATH": ":".join(filter(None, (str(POLICIES), os.environ.get("PYTHONPATH")))),
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.database.url,
                "AIRFLOW__CELERY__BROKER_URL": self.broker.url,
                "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
                "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.scheduler_port),
                "AIRFLOW__METRICS__STATSD_ON": "True",
                "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
                "AIRFLOW__METRICS__STATSD_PORT": str(statsd.port),
                "AIRFLOW__METRICS__METRICS_ALLOW_LIST": "ims_airflow",
                **settings,
            },
        )

    def start(self) -> None:
        """Start everything, and run the init service of the compose file."""
        self.stack.start()
        self.init = self.run(service("init")["command"])

    def run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command of the compose file beside the components, for the ports that they have here."""
        api, checked = self.stack.url.rpartition(":")[2], str(self.scheduler_port)
        here = [word.replace(":8080", f":{api}").replace(":8974", f":{checked}") for word in words]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**self.stack.environment, "PATH": path}
        return subprocess.run(here, env=environment, capture_output=True, text=True, check=False, timeout=120)

    def note(self, words: str) -> None:
        """Say what was done, and when."""
        self.done.append(f"{time.monotonic() - self._began:5.0f} s  {words}")
        print(self.done[-1], flush=True)

    def kill(self, name: str) -> None:
        """Kill a component with all its processes, as a power cut would; the restart policy starts it."""
        component = self.stack.component(name)
        processes = len(component.members())
        component.kill()
        self.note(f"kill -9 {name} ({processes} processes)")

    def watch(self) -> None:
        """Start what has ended, as the restart policy of the compose file says, and hear the metrics."""
        for component in self.stack.components:
            if not component.alive:
                self.restarted[component.name] += 1
                component.start()
                self.note(f"started {component.name} again")
        for name, numbers in self._statsd.heard().items():
            if name.startswith("ims_airflow."):
                timed = name in {metrics.DURATION, metrics.TROUBLE}
                self.heard[name] += len(numbers) if timed else round(sum(numbers))

    def until(self, what: str, ready: Callable[[], Any], timeout: float) -> Any:
        """Wait for something, and return what it is."""
        end = time.monotonic() + timeout
        while not (found := self._asked(ready)):
            assert time.monotonic() < end, f"waited {timeout:.0f} s for {what}\n{self.tails()}"
            self.watch()
            time.sleep(0.5)
        return found

    def _asked(self, ready: Callable[[], Any]) -> Any:
        try:
            return ready()
        except (requests.RequestException, DemoError):  # it is being killed just now
            return None

    def tails(self) -> str:
        return "\n".join(f"== {one.name}\n{one.tail(8)}" for one in self.stack.components)
