"""The small ingestion pipeline that Python tutorials build, completed so that it runs.

fetcher with retries, exponential backoff and jitter -> validation (pydantic) and transformation with an idempotency key ->
database sink (SQLAlchemy), checkpoint, dead letters, structured logs. Environment: API_BASE_URL, API_TOKEN, DB_PATH, BATCH_SIZE,
MAX_RETRIES, INITIAL_BACKOFF, MAX_BACKOFF. Needs requests, pydantic 1 and SQLAlchemy 1.4 (Debian: python3-requests, python3-pydantic,
python3-sqlalchemy). Its last line of output is what the benchmark reads.
"""

import hashlib
import json
import logging
import os
import random
import resource
import time
from datetime import datetime, timezone
from typing import Any, Optional

import requests
from pydantic import BaseModel, ValidationError
from sqlalchemy import JSON, Column, DateTime, Float, Integer, String, Text, create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

API_BASE_URL = os.environ["API_BASE_URL"]
API_TOKEN = os.environ.get("API_TOKEN")
DB_PATH = os.environ.get("DB_PATH", "pipeline.db")
BATCH_SIZE = int(os.environ.get("BATCH_SIZE", "100"))
MAX_RETRIES = int(os.environ.get("MAX_RETRIES", "5"))
INITIAL_BACKOFF = float(os.environ.get("INITIAL_BACKOFF", "1"))
MAX_BACKOFF = float(os.environ.get("MAX_BACKOFF", "60"))

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger("pipeline")
Base = declarative_base()


class RawItem(BaseModel):
    id: str
    ts: datetime
    value: float
    meta: Optional[Any] = None


class Record(Base):
    __tablename__ = "records"
    idempotency_key = Column(String, primary_key=True)
    id = Column(String, index=True)
    ts = Column(DateTime)
    value = Column(Float)
    value_scaled = Column(Float)
    source = Column(String)
    meta = Column(JSON)
    fetched_at = Column(DateTime)


class Checkpoint(Base):
    __tablename__ = "checkpoints"
    name = Column(String, primary_key=True)
    since = Column(String)


class DeadLetter(Base):
    __tablename__ = "dead_letters"
    id = Column(Integer, primary_key=True)
    payload = Column(Text)
    error = Column(Text)


def fetch(session, since):
    params = {"limit": BATCH_SIZE}
    if since:
        params["since"] = since
    headers = {"Authorization": f"Bearer {API_TOKEN}"} if API_TOKEN else {}
    backoff = INITIAL_BACKOFF
    for attempt in range(MAX_RETRIES + 1):
        try:
            response = session.get(f"{API_BASE_URL}/data", params=params, headers=headers, timeout=30)
            if response.status_code == 429 or response.status_code >= 500:
                raise requests.HTTPError(f"{response.status_code}")
            response.raise_for_status()
            return response.json()["items"]
        except requests.RequestException as error:
            if attempt == MAX_RETRIES:
                raise
            time.sleep(backoff + random.uniform(0, backoff))
            backoff = min(backoff * 2, MAX_BACKOFF)
            log.warning(json.dumps({"event": "retry", "attempt": attempt + 1, "error": str(error)}))


def transform(item):
    return {
        "idempotency_key": hashlib.sha256(f"external_api:{item.id}".encode()).hexdigest(),
        "id": item.id,
        "ts": item.ts,
        "value": item.value,
        "value_scaled": item.value * 100,
        "source": "external_api",
        "meta": item.meta,
        "fetched_at": datetime.now(timezone.utc),
    }


def main():
    engine = create_engine(f"sqlite:///{DB_PATH}")
    Base.metadata.create_all(engine)
    make_session = sessionmaker(bind=engine)
    http = requests.Session()
    with make_session() as db:
        checkpoint = db.get(Checkpoint, "data") or Checkpoint(name="data", since=None)
        since = checkpoint.since
    total = 0
    while True:
        items = fetch(http, since)
        with make_session() as db:
            for raw in items:
                try:
                    db.merge(Record(**transform(RawItem(**raw))))
                except ValidationError as error:
                    db.add(DeadLetter(payload=json.dumps(raw), error=str(error)))
                since = raw["ts"]
            db.merge(Checkpoint(name="data", since=since))
            db.commit()
        total += len(items)
        log.info(json.dumps({"event": "page", "records": len(items), "since": since}))
        if len(items) < BATCH_SIZE:
            break
    ended_at = time.time() * 1000
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/io") as io:
        written = next(int(line.split()[1]) for line in io if line.startswith("wchar"))
    usage = {"cpuSeconds": used.ru_utime + used.ru_stime, "peakBytes": used.ru_maxrss * 1024, "writtenBytes": written}
    print(json.dumps({"records": total, "endedAt": ended_at, "usage": usage}))


if __name__ == "__main__":
    main()
