# The training image. `docker build .` makes the GPU image, `docker build --target cpu .` the one without CUDA.
# It holds Python, MXNet and what training imports, never code: the project is mounted read-only when a job runs.
ARG BASE=debian:bookworm-slim

# Python 3.11 with NumPy 1.23.5 is the last pair on which scripts of MXNet's own day run unmodified.
FROM ${BASE} AS python
# libgomp1: OpenMP, which MXNet's wheel links against. libquadmath0: its OpenBLAS.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates libgomp1 libquadmath0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && python3 -m venv /opt/venv \
    && useradd --create-home --uid 1000 trainer
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib
# PYTHONUNBUFFERED: the log is followed live. PYTHONDONTWRITEBYTECODE: the code is mounted read-only.
# MPLCONFIGDIR: the job runs as the caller's user id, which has no home folder here.

FROM python AS cpu
COPY requirements/image-cpu.txt /opt/requirements.txt
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes --no-deps -r /opt/requirements.txt
USER trainer
CMD ["python"]

FROM python AS gpu
COPY requirements/image-gpu.txt /opt/requirements.txt
# CUDA's libraries come as wheels, each in a folder of its own: tell the loader about all of them.
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --require-hashes --no-deps -r /opt/requirements.txt \
    && ls -d /opt/venv/lib/python3*/site-packages/nvidia/*/lib > /etc/ld.so.conf.d/cuda-wheels.conf \
    && ldconfig
# What NVIDIA's container toolkit brings in from the host: the driver (compute) and nvidia-smi (utility).
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER trainer
CMD ["python"]
