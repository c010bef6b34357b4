# The training image. `docker build .` makes the GPU image, `docker build --target cpu .` the one without CUDA.
# It holds Python, MXNet and what programs import, never the program: each run brings a copy of its code.
# `docker build --target serve .` makes another one, without MXNet, that answers with what a run has learned.
# Layers stand in the order of how seldom they change: Debian, then MXNet and CUDA, then the Python packages, Horovod, and
# what makes MXNet's downloads find the pictures that are here. Horovod must fit the MXNet beside it, so it is compiled in
# a stage of its own, of which only the result goes on; it needs few of the packages, so that both are made at a time.
ARG BASE=debian:bookworm-slim

# MXNet 1.9.1 runs on x86_64 only: its wheel for ARM asks for Arm's own libraries, which no package brings. A Mac with
# Apple silicon runs this image through Docker's emulation.
FROM --platform=linux/amd64 ${BASE} AS python
# libgomp1 and libquadmath0 are what MXNet's wheel (OpenMP) and the OpenBLAS in it link against.
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        ca-certificates dataset-fashion-mnist libgomp1 libquadmath0 python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && python3 -m venv /opt/venv \
    && useradd --create-home --uid 1000 trainer
# The log is followed live; caches beside the code are no results; the job runs as the caller's user id, at home nowhere
# here.
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib

FROM python AS cpu-mxnet
COPY requirements/image-cpu.txt /opt/requirements/
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /opt/requirements/image-cpu.txt

FROM cpu-mxnet AS cpu-packages
COPY requirements/image-python.txt /opt/requirements/
# No process of a run keeps what it compiles (PYTHONDONTWRITEBYTECODE): each would compile anew all that it imports.
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /opt/requirements/image-python.txt \
    && python -m compileall -q -j 0 -x '/(tests?|pip|setuptools)/' /opt/venv/lib/python3.11/site-packages

FROM cpu-mxnet AS cpu-horovod
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends cmake g++ make
COPY requirements/image-build.txt /opt/requirements/
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /opt/requirements/image-build.txt
COPY requirements/image-horovod.txt /opt/build/requirements/
COPY scripts/horovod /opt/build/scripts/horovod
RUN sh /opt/build/scripts/horovod/build cpu python3 /opt/build \
    && python3 -m zipfile --extract /opt/build/horovod-*.whl /opt/horovod

FROM cpu-packages AS cpu
COPY --from=cpu-horovod /opt/horovod/ /opt/venv/lib/python3.11/site-packages/
COPY training/mxnet_hook /opt/venv/lib/python3.11/site-packages/gluon_rig_mxnet_hook
COPY training/mxnet_hook/gluon_rig_mxnet_hook.pth /opt/venv/lib/python3.11/site-packages/
RUN cd /opt/venv/lib/python3.11/site-packages && python -m compileall -q gluon_rig_mxnet_hook horovod
USER trainer
CMD ["python"]

FROM python AS gpu-mxnet
COPY requirements/image-gpu.txt /opt/requirements/
# CUDA comes as wheels, each library in a folder of its own: tell the loader about all of them.
# libcusolverMg solves over several GPUs at once; MXNet never calls it, and it weighs 136 MB.
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /opt/requirements/image-gpu.txt \
    && rm /opt/venv/lib/python3*/site-packages/nvidia/cusolver/lib/libcusolverMg.so.11 \
    && ls -d /opt/venv/lib/python3*/site-packages/nvidia/*/lib > /etc/ld.so.conf.d/cuda-wheels.conf \
    && ldconfig

FROM gpu-mxnet AS gpu-packages
COPY requirements/image-python.txt /opt/requirements/
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes -r /opt/requirements/image-python.txt \
    && python -m compileall -q -j 0 -x '/(tests?|pip|setuptools)/' /opt/venv/lib/python3.11/site-packages

FROM gpu-mxnet AS gpu-horovod
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends cmake g++ make
COPY requirements/image-build.txt /opt/requirements/
COPY requirements/image-gpu-build.txt /opt/requirements/
RUN pip install --no-cache-dir --no-compile --no-deps --require-hashes \
        -r /opt/requirements/image-build.txt -r /opt/requirements/image-gpu-build.txt
COPY requirements/image-horovod.txt /opt/build/requirements/
COPY scripts/horovod /opt/build/scripts/horovod
RUN sh /opt/build/scripts/horovod/build gpu python3 /opt/build \
    && python3 -m zipfile --extract /opt/build/horovod-*.whl /opt/horovod

FROM gpu-packages AS gpu
COPY --from=gpu-horovod /opt/horovod/ /opt/venv/lib/python3.11/site-packages/
COPY training/mxnet_hook /opt/venv/lib/python3.11/site-packages/gluon_rig_mxnet_hook
COPY training/mxnet_hook/gluon_rig_mxnet_hook.pth /opt/venv/lib/python3.11/site-packages/
RUN cd /opt/venv/lib/python3.11/site-packages && python -m compileall -q gluon_rig_mxnet_hook horovod
# What NVIDIA's container toolkit brings in from the host: the driver (compute) and nvidia-smi (utility).
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER trainer
CMD ["python"]

# --- serve: what a run has learned, over HTTP; docs/deploy.md ---------------------------------------------------------
FROM python AS serve-packages
COPY requirements/serve.txt /opt/requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes --target /opt/packages -r /opt/requirements/serve.txt

FROM --platform=linux/amd64 ${BASE} AS serve
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install --directory --owner nobody --group nogroup --mode 700 /state
COPY --from=serve-packages /opt/packages /opt/packages
COPY training /opt/gluon-rig/training
ENV PYTHONPATH=/opt/gluon-rig:/opt/packages \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# Nothing is written but the units' past: the rest may be read-only.
VOLUME /state
EXPOSE 8000
USER nobody
HEALTHCHECK --interval=10s --timeout=4s --start-period=20s \
    CMD ["python3", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=3)"]
# The folder model/ of a run is mounted at /model. Others can ask, so a token is needed: SERVE_TOKEN, or --token-file.
ENTRYPOINT ["python3", "-m", "training", "serve", "--run", "/model", "--state", "/state", "--port", "8000"]
CMD ["--host", "0.0.0.0"]

# What `docker build .` makes.
FROM gpu
