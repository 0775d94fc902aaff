FROM python:3.13.16-slim-trixie AS build
WORKDIR /source
# The service's packages change less often than the service: a layer of their own.
COPY requirements requirements
RUN python -m venv --without-pip /opt/ems-telemetry \
    && pip --python /opt/ems-telemetry/bin/python install --no-cache-dir --only-binary :all: --require-hashes \
        --requirement requirements/run.txt \
    && pip install --no-cache-dir --only-binary :all: --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY migrations migrations
COPY connectors connectors
COPY config config
RUN python -m hatchling build --target wheel --directory /wheel \
    && pip --python /opt/ems-telemetry/bin/python install --no-cache-dir --no-deps --no-index /wheel/*.whl


FROM python:3.13.16-slim-trixie
# A number, so that Kubernetes too can see that it is not root.
RUN install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/ems-telemetry
COPY --from=build /opt/ems-telemetry /opt/ems-telemetry
# Inside a container the API must listen on more than loopback to be reached at all; which addresses reach it, the
# published port decides, and who may use it, the API keys.
ENV PATH=/opt/ems-telemetry/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EMS_TELEMETRY_CONFIG=/etc/ems-telemetry/config/ems-telemetry.yaml \
    EMS_TELEMETRY__SPOOL__DIRECTORY=/var/lib/ems-telemetry/spool \
    EMS_TELEMETRY__PKI__DIRECTORY=/var/lib/ems-telemetry/pki \
    EMS_TELEMETRY__EVIDENCE__DIRECTORY=/var/lib/ems-telemetry/evidence \
    EMS_TELEMETRY__API__HOST=0.0.0.0 \
    EMS_TELEMETRY__API__PORT=8080 \
    EMS_TELEMETRY__API__ALLOW_ANONYMOUS=false
USER 10001:10001
WORKDIR /var/lib/ems-telemetry
VOLUME /var/lib/ems-telemetry
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4).close()"]
ENTRYPOINT ["ems-telemetry"]
CMD ["run"]
