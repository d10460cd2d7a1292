FROM python:3.11-slim

RUN useradd --system --uid 10001 --home-dir /var/lib/clearsight --create-home clearsight
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
RUN python -m compileall -q clearsight connectors stream_processors sql api
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 CLEARSIGHT_HOME=/var/lib/clearsight
USER 10001
ENTRYPOINT ["python", "-m", "clearsight"]
CMD ["--help"]
