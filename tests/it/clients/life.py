"""Leads a connector through its life with kafka-connect-api: life.py URL FOLDER."""

import sys
import time
from pathlib import Path

from kafka_connect_api.errors import ConnectApiException, GenericConflict, GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
# A guard, not a measure.
PATIENCE_SECONDS = 60


def until(what, condition):
    """Asks until the condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"gave up waiting until {what}"
        time.sleep(0.02)


def refused(error, call):
    """Calls what must be refused with this error, and returns the error."""
    try:
        call()
    except error as refusal:
        return refusal
    raise AssertionError(f"{error.__name__} was expected")


def main(url, folder):
    """Creates, lists, pauses, resumes, restarts, validates and deletes."""
    api = Api(url=url)
    cluster = Cluster(api)
    assert cluster.version and cluster.kafka_cluster, repr(cluster)
    assert cluster.connectors == {}
    file = Path(folder, "in.txt")
    file.write_text("one\ntwo\n")
    config = {"connector.class": SOURCE, "tasks.max": "1", "topic": "by-python", "file": str(file)}

    api.post("/connectors", json={"name": "posted", "config": config})
    refusal = refused(
        GenericConflict, lambda: api.post("/connectors", json={"name": "posted", "config": config})
    )
    assert refusal.code == 409, refusal
    put = Connector(cluster, "put")
    # Its own `exists` lets the refusal through.
    refused(GenericNotFound, put.exists)
    put.config = config
    assert put.exists()
    assert set(cluster.connectors) == {"posted", "put"}
    assert put.connector_class == SOURCE
    assert put.config == {**config, "name": "put"}, put.config

    until("the connector runs", lambda: put.state == "RUNNING" and len(put.tasks) == 1)
    until("its task runs", lambda: put.tasks[0].is_running())
    assert put.tasks[0].config["topic"] == "by-python"
    put.pause()
    until("it is paused", lambda: put.state == "PAUSED" and put.tasks[0].state == "PAUSED")
    put.resume()
    until("it runs again", lambda: put.state == "RUNNING" and put.tasks[0].is_running())
    put.restart()
    put.restart_all_tasks()
    until("it runs after restarts", lambda: put.state == "RUNNING" and put.tasks[0].is_running())
    put.cycle_connector()
    until("it runs after a cycle", lambda: put.state == "RUNNING" and put.tasks[0].is_running())
    put.config = {**config, "batch.size": "10"}
    assert put.config["batch.size"] == "10"

    path = "/connector-plugins/FileStreamSource/config/validate"
    assert api.put(path, json={**config, "name": "x"})["error_count"] == 0
    problems = api.put(path, json={"connector.class": SOURCE, "name": "x"})
    assert problems["error_count"] == 1, problems
    refusal = refused(ConnectApiException, lambda: api.put_raw("/connectors/x/config", json={}))
    assert refusal.code == 400, refusal

    assert cluster.root_logger["level"]
    cluster.root_logger = "WARN"
    until("the level is set", lambda: cluster.root_logger["level"] == "WARN")

    for connector in cluster.connectors.values():
        connector.delete()
    assert cluster.connectors == {}
    refused(GenericNotFound, lambda: put.status)


main(*sys.argv[1:])
