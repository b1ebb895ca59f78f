# One image for each program: docker build --build-arg SERVICE=config-svc -t tokenswitch/config-svc .
# SERVICE: config-svc, invite-svc, auth-svc, notify-svc; or simulator, the stand-in for Microsoft (development only).
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
ARG SERVICE
WORKDIR /build
COPY requirements/build.txt requirements/${SERVICE}.txt requirements/
RUN python3 -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python3 -m venv --without-pip /app \
 && /tools/bin/pip --python /app/bin/python3 install --no-cache-dir --require-hashes -r requirements/${SERVICE}.txt
COPY shared shared
COPY services services
COPY dev dev
# Of Babel's 1,000 locales only ours and what they build on: 30 MB less.
RUN if [ "$SERVICE" = simulator ]; then own=dev; module=tokenswitch_dev.simulator; else own=services/$SERVICE; module=$(echo "$SERVICE" | tr - _); fi \
 && /tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --no-index --wheel-dir /wheels ./shared ./$own \
 && /tools/bin/pip --python /app/bin/python3 install --no-cache-dir --no-deps --no-index /wheels/*.whl \
 && printf '#!/bin/sh\nexec /app/bin/python3 -m %s "$@"\n' "$module" >/app/bin/serve && chmod 755 /app/bin/serve \
 && find /app -path '*/babel/locale-data/*.dat' ! -name 'root.dat' ! -name 'en*.dat' ! -name 'de*.dat' \
      ! -name 'fr*.dat' ! -name 'es*.dat' ! -name 'ja*.dat' -delete

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 tokenswitch && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin tokenswitch \
 && for folder in config invite auth notify all; do install -d -o 10001 -g 10001 /keys/$folder; done \
 && install -d -o 10001 -g 10001 /keys /state
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOG_FORMAT=json HOST=0.0.0.0 PORT=8000
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/app/bin/python3", "-m", "shared.service.probe"]
ENTRYPOINT ["/app/bin/serve"]
