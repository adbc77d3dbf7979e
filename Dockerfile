# The gateway as an image: no root, no shell needed, and nothing to write to but /var/lib/dicomveil.
#   docker build --tag dicomveil:0.1.0 .
#   docker run --read-only --cap-drop ALL --publish 8080:8080 --volume ./settings:/etc/dicomveil:ro dicomveil:0.1.0
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
