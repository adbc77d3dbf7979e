# The gateway as an image: no root, no shell needed, and nothing to write to but /var/lib/dicomveil and /tmp.
#   docker build --tag dicomveil:0.1.0 .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --publish 127.0.0.1:8080:8080 \
#     --volume ./settings:/etc/dicomveil:ro --volume dicomveil-state:/var/lib/dicomveil dicomveil:0.1.0
# To build twice the same, give the base by its digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/dicomveil
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/dicomveil install --require-hashes --only-binary :all: --requirement requirements.lock \
 && pip install --require-hashes --only-binary :all: --requirement requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY profiles profiles
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
 && pip --python /opt/dicomveil install --no-deps --no-index /wheels/*.whl

FROM ${PYTHON_IMAGE}
# Debian keeps one version of each in a release and mends it there; an older one is what nobody wants.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ffmpeg libturbojpeg0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/dicomveil /opt/dicomveil
RUN install --directory --owner 65532 --group 65532 --mode 0700 /var/lib/dicomveil
ENV PATH=/opt/dicomveil/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# By number: Kubernetes cannot tell from a name that it is not root.
USER 65532:65532
WORKDIR /var/lib/dicomveil
VOLUME /var/lib/dicomveil
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["dicomveil"]
CMD ["serve", "--config", "/etc/dicomveil/dicomveil.yaml", "--host", "0.0.0.0", "--port", "8080"]
