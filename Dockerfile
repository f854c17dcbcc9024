# One image for every role: the command decides (docker-compose.yml, render.yaml). The default is the API.
# The same minor version as the tests run on; it stands here once.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-trixie AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt /tmp/
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --quiet -r /tmp/requirements.txt

FROM python:${PYTHON}-slim-trixie
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data
WORKDIR /app
# The numeric id is what runtimes check. Only /data is its own: code and packages stay root's.
RUN useradd --system --no-log-init --uid 10001 --no-create-home --home-dir /nonexistent kasparro \
    && install --directory --owner 10001 --group 0 --mode 0770 /data \
    && ln -s /app/kasparro /usr/local/bin/kasparro
COPY --from=packages /opt/venv /opt/venv
COPY . .
# Compiled now, because nobody may write here later; a checkout of umask 077 becomes readable.
RUN chmod -R a+rX . && python -m compileall -q .

USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "deploy.healthy", "web"]
# Its heartbeat files belong in memory.
CMD ["sh", "-c", "exec gunicorn --config deploy/gunicorn.py --worker-tmp-dir /dev/shm --bind 0.0.0.0:${PORT:-8000} 'webapp:create_app()'"]
