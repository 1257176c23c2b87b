# The server with the index of this checkout, and the site made of it. Where another index is mounted at /index, so is its
# site at /site, or REVERSE_REGISTRY_SITE says where that is (empty: none).
ARG BASE=docker.io/library/python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285

FROM ${BASE} AS build
WORKDIR /app
COPY requirements/server.txt ./
RUN python3 -m venv --without-pip /venv \
    && python3 -m pip --python /venv/bin/python3 install --no-cache-dir --require-hashes -r server.txt
COPY server ./server
RUN python3 -m compileall -q server

# The same bytes for every platform: made once, by the machine that builds.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BASE} AS site
WORKDIR /app
COPY requirements/generator.txt ./
RUN python3 -m venv --without-pip /venv \
    && python3 -m pip --python /venv/bin/python3 install --no-cache-dir --require-hashes -r generator.txt
COPY generator ./generator
COPY index /index
RUN /venv/bin/python3 -m generator site /site --index /index

FROM ${BASE}
WORKDIR /app
# The base brings what installs packages; nothing here does.
RUN python3 -m pip uninstall --yes --root-user-action ignore pip
COPY --from=build /venv /venv
COPY --from=build /app/server ./server
COPY index /index
COPY --from=site /site /site
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REVERSE_REGISTRY_INDEX=/index \
    REVERSE_REGISTRY_SITE=/site \
    UVICORN_HOST=0.0.0.0 \
    UVICORN_PORT=8000
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen('http://localhost:%s/healthz' % os.environ['UVICORN_PORT'], timeout=4)"]
CMD ["uvicorn", "server.app:app", "--no-server-header", "--timeout-keep-alive", "130", "--timeout-graceful-shutdown", "30"]
