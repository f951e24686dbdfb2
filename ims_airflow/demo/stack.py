"""A whole Airflow of its own on loopback: API server, scheduler, DAG processor, triggerers, workers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ims_airflow.demo.api import AirflowApi, AnotherServerError
from ims_airflow.demo.component import Component
from ims_airflow.demo.environment import (
    DATABASE,
    Connections,
    airflow_environment,
    connection_variables,
)
from ims_airflow.demo.failure import DemoError
from ims_airflow.demo.keeper import Keeper
from ims_airflow.demo.port import free_port

# Without their log servers, which would listen on all interfaces; on one machine the files are at hand.
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "worker": ("celery", "worker", "--skip-serve-logs"),
}
ONE_MACHINE = ("api-server", "scheduler", "dag-processor", "triggerer")
_ATTEMPTS = 3
# Seconds. The API server of 3.3 can block itself: its event loop writes the audit log and waits for SQLite,
# which is busy with another request of the same process that cannot go on without the event loop. That
# lasts for the five seconds of SQLite, then one of the two fails and is made again. Whoever else waited
# just as long would fail as well, and a scheduler that does, ends.
_PATIENCE_WITH_SQLITE = 60


class AirflowStack:
    """A real Airflow that leaves nothing behind but its directory. A context manager.

    :param home: directory for database, configuration and logs; made when missing.
    :param dags: directory of the DAG files.
    :param keeper: ends everything should this process die.
    :param connections: Connections that tasks and triggers can use, by id.
    :param settings: more environment variables, such as ``AIRFLOW__TRIGGERER__…``.
    :param layout: kinds of the components to start, keys of :data:`COMPONENTS`; a kind can come twice.
        Workers are for the CeleryExecutor, which the settings then choose.
    :param patience: seconds that each step of the start may take.
    """

    def __init__(
        self,
        home: Path,
        dags: Path,
        keeper: Keeper,
        *,
        connections: Connections | None = None,
        settings: Mapping[str, str] | None = None,
        layout: Sequence[str] = ONE_MACHINE,
        patience: float = 90.0,
    ) -> None:
        self.home = home
        self.dags = dags
        self._keeper = keeper
        self._layout = layout
        self._patience = patience
        self._more = {**connection_variables(connections or {}), **(settings or {})}
        self._components: dict[str, Component] = {}
        self._jwt_secret = secrets.token_urlsafe(64)
        self._use_port(free_port())

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Address of the UI and the REST API."""
        return self.api.url

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment of its components, for commands beside them."""
        return self._environment

    @property
    def components(self) -> list[Component]:
        """All components ever started, in that order."""
        return list(self._components.values())

    @property
    def logs(self) -> list[Path]:
        """All log files: of the components, and of the tasks."""
        return [path for path in (self.home / "logs").rglob("*") if path.is_file()]

    def component(self, name: str) -> Component:
        """Return a component by its name, such as ``scheduler`` or ``triggerer-2``."""
        return self._components[name]

    def start_component(self, kind: str) -> Component:
        """Start a component; the second of a kind is called ``…-2``, and so on.

        :param kind: a key of :data:`COMPONENTS`.
        """
        number = 1 + sum(name.startswith(kind) for name in self._components)
        name = kind if number == 1 else f"{kind}-{number}"
        environment = dict(self._environment)
        if kind == "triggerer":  # it drops the INFO lines of triggers otherwise
            environment["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "INFO"
        if kind != "api-server" and environment[DATABASE].startswith("sqlite:"):
            environment[DATABASE] += f"?timeout={_PATIENCE_WITH_SQLITE}"
        arguments = list(COMPONENTS[kind])
        if kind == "worker":  # their names must differ, also on one machine
            arguments += ["--celery-hostname", f"{name}@%h"]
        log = self.home / "logs" / f"{name}.log"
        component = Component(name, arguments, environment, log, self._keeper)
        self._components[name] = component
        component.start()
        return component

    def start(self) -> None:
        """Start everything and wait until all components are healthy.

        :raises DemoError: a component ended, or it took too long.
        """
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        self._migrate()
        for _ in range(_ATTEMPTS):
            for kind in self._layout:
                self.start_component(kind)
            if self._answers():
                break
            self.stop()
            self._components.clear()
            self._use_port(free_port())
        else:
            raise DemoError(f"no free port found for the API server in {_ATTEMPTS} attempts")
        self._wait("healthy components", lambda: set(self.api.health().values()) == {"healthy"})

    def stop(self) -> None:
        """End every process of the stack."""
        for component in self.components:
            component.terminate()
        end = time.monotonic() + 5
        for component in self.components:
            component.stop(timeout=max(0.0, end - time.monotonic()))

    def wait_for_dag(self, dag_id: str) -> None:
        """Wait until a DAG can be triggered.

        :raises DemoError: its file cannot be imported, or it took too long.
        """
        self._wait(f"the DAG {dag_id}", lambda: self.api.has_dag(dag_id) or self._check_imports())

    def _check_imports(self) -> bool:
        if errors := self.api.import_errors():
            raise DemoError("a DAG file cannot be imported", errors[0])
        return False

    def _use_port(self, port: int) -> None:
        self.api = AirflowApi(f"http://127.0.0.1:{port}")
        environment = airflow_environment(self.home, self.dags, port, self._jwt_secret)
        self._environment = {**environment, **self._more}

    def _migrate(self) -> None:
        log = self.home / "logs" / "db-migrate.log"
        migration = Component("db-migrate", ["db", "migrate"], self._environment, log, self._keeper)
        try:
            migration.start()
            status = migration.wait(self._patience)
        finally:
            migration.kill()
        if status != 0:
            raise DemoError("Airflow could not make its database", migration.tail())

    def _answers(self) -> bool:
        """Wait for the API server; False when its port was taken by another process."""
        try:
            self._wait("the API server", self.api.is_up)
            self.api.log_in(self._jwt_secret)
        except AnotherServerError:
            return False
        except DemoError:
            if "address already in use" not in self.component("api-server").tail(50).lower():
                raise
            return False
        return True

    def _wait(self, what: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + self._patience
        while not ready():
            for component in self.components:
                if not component.alive:
                    raise DemoError(
                        f"Airflow's {component.name} ended with status {component.exit_status}",
                        component.tail(),
                    )
            if time.monotonic() > end:
                raise DemoError(f"waited {self._patience:.0f} s for {what} in vain")
            time.sleep(0.2)
