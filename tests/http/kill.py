#!/usr/bin/env python3
"""kill -9 under load: kill.py VDB_HTTPD [TEST...]

Clients insert, replace, delete and send batches; the server is killed at any instant and
started again.  What was acknowledged must be there, what was not is there whole or not at
all, and the order of what one client sent is kept.  Twelve cycles; VDB_LONG=1: 1,000.
The seed is printed; VDB_SEED repeats it.
"""
import http.client
import json
import os
import random
import threading
import time

from support import Server, expect, run

CLIENTS = 6
KEYS = 12  # of each client, replaced and deleted over and over
BATCH = 7


class Client(threading.Thread):
    """One client's keys and what must be true of them."""

    def __init__(self, server, number, known, seed):
        super().__init__()
        self.server = server
        self.number = number
        self.known = known  # key -> the value acknowledged last, or None
        self.maybe = {}     # key -> the value of the request whose answer never came
        self.random = random.Random(seed)
        self.serial = 0
        self.acknowledged = 0
        self.wrong = []

    def vector(self, value):
        return [self.number, value % 1000, value // 1000, 1]

    def ask(self, link, method, path, body=None):
        link.request(method, path, body and json.dumps(body),
                     {"Content-Type": "application/json"})
        got = link.getresponse()
        return got.status, got.read()

    def run(self):
        link = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        try:
            while True:
                self.step(link)
        except (OSError, http.client.HTTPException):
            link.close()

    def step(self, link):
        what = self.random.random()
        keys = [f"c{self.number}-{self.random.randrange(KEYS)}"]
        self.serial += 1
        value = self.base + self.serial
        if what < 0.5:
            self.maybe = {keys[0]: value}
            want = 201
            status, _ = self.ask(link, "POST", "/vectors", {
                "id": keys[0], "vector": self.vector(value), "metadata": {"v": value}})
        elif what < 0.8:
            keys = [f"c{self.number}-b{i}" for i in range(BATCH)]
            self.maybe = dict.fromkeys(keys, value)
            want = 201
            status, _ = self.ask(link, "POST", "/vectors/batch", {"vectors": [
                {"id": key, "vector": self.vector(value), "metadata": {"v": value}}
                for key in keys]})
        else:
            self.maybe = {keys[0]: None}
            want = 200 if self.known.get(keys[0]) is not None else 404
            status, _ = self.ask(link, "DELETE", f"/vectors/{keys[0]}")
        if status != want:
            self.wrong.append((keys, status, want))
        if want != 404:
            self.known.update(self.maybe)
        self.acknowledged += 1
        self.maybe = {}


def look(server, client):
    """What is stored of a client's keys: key -> value."""
    names = server.get(f"/vectors?prefix=c{client.number}-").json()
    found = {}
    for record in server.post("/vectors/get", {"ids": names}).json():
        value = record["metadata"]["v"]
        found[record["id"]] = value
        if record["vector"] != client.vector(value):
            client.wrong.append(("vector and metadata differ", record))
    return found


def verify(server, clients):
    for client in clients:
        found = look(server, client)
        known = {key: value for key, value in client.known.items() if value is not None}
        after = dict(client.known)
        after.update(client.maybe)
        after = {key: value for key, value in after.items() if value is not None}
        if found not in (known, after):
            client.wrong.append(("stored", found, "acknowledged", known, "asked",
                                 client.maybe))
        client.known = dict(found)


def storm():
    cycles = 1000 if os.environ.get("VDB_LONG") else 12
    seed = int(os.environ.get("VDB_SEED", time.time_ns() % 1000000))
    generator = random.Random(seed)
    print("VDB_SEED", seed, flush=True)
    known = [{} for _ in range(CLIENTS)]
    acknowledged, wrong = 0, []
    for cycle in range(cycles):
        options = ["--index", "flat"] if cycle == 0 else []
        with Server(*options) as server:
            clients = [Client(server, i, known[i], generator.random())
                       for i in range(CLIENTS)]
            for client in clients:
                client.base = cycle * 100000
                client.start()
            time.sleep(generator.uniform(0.02, 0.4))
            server.kill()
            for client in clients:
                client.join()
        with Server() as server:
            verify(server, clients)
            if generator.random() < 0.5:
                server.kill()
        known = [client.known for client in clients]
        acknowledged += sum(client.acknowledged for client in clients)
        for client in clients:
            wrong += client.wrong
        if wrong:
            break
    expect(f"cycle {cycle}, seed {seed}: what is wrong", wrong, [])
    expect("acknowledged", acknowledged, lambda n: n > cycles)
    print(f"{cycle + 1} kills, {acknowledged} requests acknowledged")


if __name__ == "__main__":
    run([storm])
