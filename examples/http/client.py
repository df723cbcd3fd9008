#!/usr/bin/env python3
"""A client of vdb-httpd in Python's standard library: client.py [URL]

Vectors travel as base64, which is smaller and quicker than numbers in JSON.
"""
import array
import base64
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


class Vdb:
    def __init__(self, url="http://127.0.0.1:3000", token=None):
        self.url = url.rstrip("/")
        self.token = token

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{error.code}: {json.load(error)['error']}") from None

    @staticmethod
    def pack(vector):
        floats = array.array("f", vector)
        if sys.byteorder == "big":
            floats.byteswap()
        return base64.b64encode(floats.tobytes()).decode()

    def insert(self, name, vector, metadata=None):
        return self.call("POST", "/vectors", {"id": name, "vector_b64": self.pack(vector),
                                              "metadata": metadata})

    def insert_many(self, rows):
        """Rows of (id, vector, metadata), all of them or none."""
        return self.call("POST", "/vectors/batch", {"vectors": [
            {"id": name, "vector_b64": self.pack(vector), "metadata": metadata}
            for name, vector, metadata in rows]})["inserted"]

    def get(self, name):
        return self.call("GET", "/vectors/" + urllib.parse.quote(name, safe=""))

    def delete(self, name):
        return self.call("DELETE", "/vectors/" + urllib.parse.quote(name, safe=""))

    def search(self, vector, k=10, **options):
        return self.call("POST", "/search",
                         dict(options, vector_b64=self.pack(vector), k=k))

    def ids(self, page=1000):
        after = ""
        while True:
            names = self.call("GET", f"/vectors?limit={page}{after}")
            yield from names
            if len(names) < page:
                return
            after = "&after=" + urllib.parse.quote(names[-1], safe="")


def main():
    db = Vdb(*sys.argv[1:2], token=os.environ.get("TOKEN"))
    db.insert("tea/green", [1, 2, 3], {"kind": "drink", "price": 2.5})
    print(db.insert_many([("bread", [3, 2, 1], {"kind": "food", "price": 4}),
                          ("water", [1, 1, 2], {"kind": "drink"})]), "stored")
    for hit in db.search([1, 2, 2], k=2, with_metadata=True,
                         filter={"op": "eq", "field": "kind", "value": "drink"}):
        print(hit["id"], round(hit["distance"], 4), hit["metadata"])
    print(db.get("tea/green"))
    print(list(db.ids(page=2)))
    for name in ("tea/green", "bread", "water"):
        db.delete(name)


if __name__ == "__main__":
    main()
