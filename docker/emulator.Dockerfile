# syntax=docker/dockerfile:1
# The emulated IMS, IAM and OBS, without Airflow. Build it from the top of the project:
#   docker build -f docker/emulator.Dockerfile -t ims-airflow-emulator .
ARG PYTHON_VERSION=3.12

FROM python:${PYTHON_VERSION}-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY dags dags
COPY ims_airflow ims_airflow
# Of all that the package depends on, the emulator uses aiohttp only.
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . && \
    python -m venv --without-pip /opt/emulator && \
    python -m pip --python /opt/emulator/bin/python install --no-cache-dir --no-deps /wheels/*.whl && \
    python -m pip --python /opt/emulator/bin/python install --no-cache-dir aiohttp==3.14.5

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.title="ims-airflow-emulator" \
      org.opencontainers.image.description="Emulator of Huawei Cloud IMS, IAM and OBS" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/emulator /opt/emulator
# By number, so that Kubernetes can see that it is not root. It writes to the temporary directory only.
USER 10001:10001
EXPOSE 8090
# A container is reached from outside of itself, or not at all. More arguments go after these.
ENTRYPOINT ["/opt/emulator/bin/ims-airflow", "emulator", "--port", "8090", "--host", "0.0.0.0", "--public"]
