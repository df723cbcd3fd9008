#!/usr/bin/env python3
"""The page at /ui in a real browser: what it shows is what the server has.

    page.py VDB-HTTPD [test...]

Where there is no chromium and chromedriver, it is skipped (status 77).
"""
import contextlib
import json
import math
import random
import sys

import webdriver
from support import Server, expect, run
from webdriver import CONTROL, DOWN, ENTER, RIGHT

KINDS = {"river": (20, 0, 0, 3, 0, 0), "hill": (-14, 14, 0, 0, 2, 0), "sea": (-14, -16, 1, 0, 0, 0)}
FULL, READ = "full-token-of-this-test-0123", "read-token-of-this-test-0123"
BROWSER = None  # one for all tests


def clusters(count=300):
    """Vectors around three places, told apart by "kind"."""
    chance = random.Random(7)
    rows = []
    for i in range(count):
        kind = list(KINDS)[i % 3]
        rows.append({"id": f"{kind}/{i:03}",
                     "vector": [round(c + chance.gauss(0, 1), 3) for c in KINDS[kind]],
                     "metadata": {"kind": kind, "height": round(chance.uniform(0, 900), 1),
                                  "place": {"country": "NO" if i % 2 else "IS"},
                                  "tags": ["wet"] if kind != "hill" else ["dry", "high"],
                                  "seen": i % 5 == 0}})
    return rows


def store(server, rows, headers=None):
    got = server.post("/vectors/batch", {"vectors": rows}, headers=headers)
    if got.status != 201:
        raise RuntimeError(got.body)


def nearest(rows, query, k, passes=lambda metadata: True):
    """The search again, by hand."""
    far = sorted((math.dist(row["vector"], query), row["id"]) for row in rows
                 if passes(row["metadata"]))
    return [name for _, name in far[:k]]


def spread(rows):
    """Which shares of the variance the first two principal components have: by powers of
    the covariance, the first component taken away for the second."""
    size = len(rows[0]["vector"])
    mean = [sum(row["vector"][i] for row in rows) / len(rows) for i in range(size)]
    off = [[v - m for v, m in zip(row["vector"], mean)] for row in rows]
    matrix = [[sum(row[i] * row[j] for row in off) for j in range(size)] for i in range(size)]
    total = sum(matrix[i][i] for i in range(size))
    shares = []
    for _ in range(2):
        axis = [1.0 + i for i in range(size)]
        for _ in range(500):
            axis = [sum(m * a for m, a in zip(row, axis)) for row in matrix]
            length = math.hypot(*axis)
            axis = [a / length for a in axis]
        shares.append(length / total)
        matrix = [[matrix[i][j] - length * axis[i] * axis[j] for j in range(size)] for i in range(size)]
    return shares


@contextlib.contextmanager
def page(server, refused=(), ready=True, unreachable=False):
    """The page, open; afterwards: no error but answers of the statuses `refused`, and no
    request to anybody else."""
    b = BROWSER
    origin = f"http://{server.endpoint}"
    b.log("browser")
    b.requests()
    b.open(origin + "/ui")
    b.run("localStorage.clear(); sessionStorage.clear()")
    b.open(origin + "/ui")
    if ready:
        b.wait("document.getElementById('canvas').dataset.drawn")
    yield b
    wrong = []
    for entry in b.log("browser"):
        told = [f"status of {status}" in entry["message"] for status in refused]
        told.append(unreachable and "net::ERR_" in entry["message"])
        if not (entry["source"] == "network" and any(told)):
            wrong.append(entry["message"])
    expect("nothing in the console", wrong, [])
    asked = b.requests()
    expect("it asks this server", len(asked) > 3, True)
    expect("and nobody else", [url for url in asked
                               if not url.startswith((origin + "/", "data:"))], [])
    b.open("about:blank")


def text(b, selector):
    return b.run("return document.querySelector(arguments[0]).textContent", selector)


def texts(b, selector):
    return b.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
                 selector)


def hit_ids(b):
    """Of the list of results, without the mark of the query."""
    return b.run("return [...document.querySelectorAll('.hit-id')].map((e) => e.firstChild.data)")


def wait_for_hits(b, first, note):
    """Until the list is the one of `note`, with this first hit."""
    b.wait("document.querySelector('.hit-id')?.firstChild.data === arguments[0] && "
           "document.getElementById('results-note').textContent === arguments[1]", first, note)


def fill(b, selector, value):
    """A field's whole text, as typed."""
    b.clear(selector)
    if value:
        b.type(selector, value)


PIXELS = """
  const canvas = document.getElementById('canvas');
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = copy.getContext('2d', {willReadFrequently: true});
  pen.drawImage(canvas, 0, 0);
  const wanted = arguments[0].map((name) => [...Theme.channels(name)]);
  const {data, width} = pen.getImageData(0, 0, canvas.width, canvas.height);
  return wanted.map(([red, green, blue]) => {
    let count = 0, x = 0, y = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] < 150 || Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) +
          Math.abs(data[i + 2] - blue) > 24) continue;
      count++;
      x += i / 4 % width;
      y += Math.floor(i / 4 / width);
    }
    const ratio = canvas.width / canvas.clientWidth;
    return {count, x: x / count / ratio, y: y / count / ratio};
  });"""


def pixels(b, *colours):
    """How many pixels of the map have each colour, and their middle."""
    b.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return b.run(PIXELS, colours)


def legend(b):
    return {label: (int(count), colour) for label, count, colour in b.run(
        "return [...document.querySelectorAll('#legend button')].map((e) => [e.children[1].textContent,"
        " e.children[2].textContent, e.children[0].style.backgroundColor])")}


def to_window(b, place):
    box = b.run("const box = document.getElementById('canvas').getBoundingClientRect();"
                "return [box.left, box.top]")
    return box[0] + place["x"], box[1] + place["y"]


# ------------------------------------------------------------------- tests


def figures_and_map():
    rows = clusters()
    with Server() as s:
        store(s, rows)
        with page(s) as b:
            expect("state", text(b, "#state-text"), "Healthy")
            expect("count", text(b, "#card-vectors [data-figure]"), "300")
            expect("kind", texts(b, "#kind li"), ["6 dimensions", "Euclidean distance", "HNSW index"])
            expect("version", text(b, "#version"), "vdb-httpd {vdb-httpd}, libvdb {libvdb}".format(
                **s.get("/version").json()))
            expect("no token is asked for", b.run("return document.getElementById('access').hidden"), True)
            expect("sample", text(b, "#sample-note"),
                   "All 300 vectors · two principal components, {:.0f} % and {:.0f} % of the variance"
                   .format(*(100 * share for share in spread(rows))))
            expect("coloured by what explains the map best", b.run("return colour.value"), "kind")
            expect("fields", b.run("return [...colour.options].map((o) => o.value)"),
                   ["", "kind", "height", "place.country", "tags", "seen"])
            found = legend(b)
            expect("legend", {name: count for name, (count, _) in found.items()},
                   {"river": 100, "hill": 100, "sea": 100})
            drawn = pixels(b, *[found[kind][1] for kind in KINDS])
            expect("points of each kind", [p["count"] > 300 for p in drawn], [True] * 3)
            apart = [math.dist((p["x"], p["y"]), (q["x"], q["y"])) for p in drawn for q in drawn
                     if p is not q]
            expect("the kinds lie apart", min(apart), lambda d: d > 150)
            b.click("#legend button")
            faded = pixels(b, *[found[kind][1] for kind in KINDS])
            pressed = text(b, "#legend button[aria-pressed=true] span")
            expect("one kind alone", [p["count"] > 300 for p in faded],
                   [kind == pressed for kind in KINDS])
            b.run("colour.value = 'height'; colour.dispatchEvent(new Event('change'))")
            expect("a scale of numbers", texts(b, "#legend .scale"), lambda t: len(t) == 1 and len(t[0]) > 3)
            expect("whose ends are drawn", [p["count"] > 0 for p in pixels(b, "#fcc46a", "#241a5c")], [True] * 2)
            b.run("document.getElementById('sample-size').value = '500';"
                  "document.getElementById('sample-size').dispatchEvent(new Event('change'))")
            store(s, [dict(row, id="more/" + row["id"]) for row in clusters(9)])
            b.wait("document.querySelector('#card-vectors [data-figure]').textContent === '309'")
            expect("writes are counted", text(b, "#card-writes [data-note]"), "309 in · 0 out")
            s.post("/search", {"vector": [0] * 6})
            b.wait("document.querySelector('#card-rate [data-note]').textContent === '1 since the start'")
            b.wait("/^[0-9.]+.s$/.test(document.querySelector('#card-latency [data-figure]').textContent)")
            b.wait("document.querySelectorAll('#card-rate path').length === 2")


def searches():
    rows = clusters()
    with Server() as s:
        store(s, rows)
        with page(s, refused=[400, 404]) as b:
            found = legend(b)
            ring, accent = "#111827", b.run("return Theme.colour('accent')")
            dark = pixels(b, ring, accent)
            expect("nothing is lit", [p["count"] for p in dark], [0, 0])
            query = rows[4]
            b.type("#id", query["id"])
            b.type("#id", ENTER)
            wait_for_hits(b, query["id"], f"10 hits like {query['id']}")
            want = nearest(rows, query["vector"], 10)
            expect("hits like an id", hit_ids(b), want)
            expect("the query is marked", texts(b, ".hit-id .self"), ["the query"])
            shown = [float(t) for t in texts(b, ".distance b")]
            true = {row["id"]: math.dist(row["vector"], query["vector"]) for row in rows}
            expect("distances", max(abs(d - true[name]) for d, name in zip(shown, want)), lambda d: d < 1e-3)
            bars = b.run("return [...document.querySelectorAll('.bar i')].map((e) => parseFloat(e.style.width))")
            expect("bars grow", (bars[0], bars[-1], bars == sorted(bars)), (0, 100, True))
            expect("metadata", texts(b, ".hits li:first-child .pairs span")[:3],
                   [f"kind{query['metadata']['kind']}", f"height{query['metadata']['height']}",
                    f"place.country{query['metadata']['place']['country']}"])
            lit = pixels(b, ring, accent)
            expect("hits are lit", lit[0]["count"], lambda n: n > 100)
            expect("the query has its place", lit[1]["count"], lambda n: n > 50)
            home = pixels(b, found["hill"][1])[0]
            expect("by its like", math.dist((lit[1]["x"], lit[1]["y"]), (home["x"], home["y"])), lambda d: d < 90)
            expect("said to who cannot see", b.run("return canvas.getAttribute('aria-label')"),
                   "Map of 300 stored vectors, 10 hits lit")
            told = text(b, "#explain")
            expect("explained", ("Compared one by one: " in told, "distances300 100 % of all" in told, told), (True, True, told))
            explain_is_the_servers(s, b, query)
            by_vector(b, rows)
            refusals(s, b, query)
            b.click("#clear")
            expect("cleared", (hit_ids(b), pixels(b, ring, accent)[0]["count"]), ([], 0))
            expect("ids to try", len(texts(b, ".tries button")), 4)


def explain_is_the_servers(s, b, query):
    reason = s.post("/search", {"id": query["id"], "explain": True}).json()["explain"]["reason"]
    expect("the reason is the server's", reason in text(b, "#explain"), True)
    b.run("effort.value = 'exact'")
    b.click("#go")
    exact = s.post("/search", {"id": query["id"], "explain": True, "exact": True}).json()["explain"]["reason"]
    b.wait("document.getElementById('explain').textContent.includes(arguments[0])", exact)
    expect("exact is another reason", exact != reason, True)


def by_vector(b, rows):
    query = [-13.5, 13, 0, 0, 2, 0.5]
    b.click("#by label:nth-child(3)")
    fill(b, "#vector", "-13.5, 13\n0 0;2")
    expect("too short, told while typing", text(b, "#vector-note"), "5 numbers; the database has 6")
    b.type("#vector", " 0.5")
    expect("right", text(b, "#vector-note"), "6 numbers")
    fill(b, "#k", "25")
    b.run("effort.value = ''")
    b.run("vector.focus()")
    b.press(CONTROL, ENTER)
    wait_for_hits(b, nearest(rows, query, 1)[0], "25 hits near the vector")
    expect("hits near a vector", hit_ids(b), nearest(rows, query, 25))
    expect("all are lit", b.run("return canvas.dataset.drawn"), "300 25 1")
    fill(b, "#vector", json.dumps(query))
    fill(b, "#k", "3")
    b.click("#go")
    wait_for_hits(b, nearest(rows, query, 1)[0], "3 hits near the vector")
    # a point under the pointer, and searched like
    b.run("document.getElementById('stage').scrollIntoView({block: 'center'})")
    place = to_window(b, b.run("return MapView.placeOf(MapView.points()[7].x, MapView.points()[7].y)"))
    clicked = b.run("return MapView.points()[7].id")
    b.point(*place)
    b.wait("!document.getElementById('tip').hidden")
    expect("what a point is", text(b, "#tip b"), clicked)
    b.point(*place, click=True)
    wait_for_hits(b, clicked, f"3 hits like {clicked}")
    expect("clicked", b.run("return [id.value, document.querySelector('input[name=by]:checked').value]"),
           [clicked, "id"])


def refusals(s, b, query):
    """What the server says is what is shown."""
    def refused(body, field):
        said = s.post("/search", body).error
        b.click("#go")
        b.wait("document.getElementById('query-error').textContent === arguments[0] && "
               "!document.getElementById('query-error').hidden", said)
        expect(f"refused, and at its field: {said}",
               b.run("return [document.activeElement.id, document.activeElement.getAttribute('aria-invalid')]"),
               [field, "true"])
    before = hit_ids(b)
    fill(b, "#id", "nobody")
    refused({"id": "nobody"}, "id")
    b.click("#by label:nth-child(3)")
    fill(b, "#vector", "1 2 3")
    refused({"vector": [1, 2, 3]}, "vector")
    fill(b, "#vector", "[1, 2, 3, 4, 5, 1e39]")
    refused({"vector": [1, 2, 3, 4, 5, 1e39]}, "vector")
    fill(b, "#vector", "1 2 3 4 five 6")
    b.click("#go")
    b.wait("document.getElementById('query-error').textContent === 'Value 5 is no number: five'")
    fill(b, "#vector", "1 2 3 4 5 6")
    fill(b, "#k", "0")
    refused({"vector": [1, 2, 3, 4, 5, 6], "k": 0}, "k")
    fill(b, "#k", "3")
    b.run("effort.value = 'recall_target'; effort.dispatchEvent(new Event('change'))")
    fill(b, "#effort-value", "1.5")
    refused({"vector": [1, 2, 3, 4, 5, 6], "recall_target": 1.5}, "effort-value")
    expect("the hits before stay", hit_ids(b), before)
    b.run("effort.value = ''; effort.dispatchEvent(new Event('change'))")
    b.click("#by label:nth-child(2)")
    fill(b, "#id", query["id"])
    b.click("#go")
    wait_for_hits(b, query["id"], f"3 hits like {query['id']}")
    expect("the error is gone", b.run("return document.getElementById('query-error').hidden"), True)


def completion():
    with Server() as s:
        store(s, clusters())
        with page(s) as b:
            b.type("#id", "sea/1")
            b.wait("document.querySelectorAll('#id-list li').length === 8 && "
                   "document.querySelector('#id-list li').textContent.startsWith('sea/1')")
            want = s.get("/vectors?limit=8&prefix=sea/1").json()
            expect("ids that begin so", texts(b, "#id-list li"), want)
            expect("told", b.run("return id.getAttribute('aria-expanded')"), "true")
            b.press(DOWN)
            b.press(DOWN)
            expect("chosen by arrows", text(b, "#" + b.run("return id.getAttribute('aria-activedescendant')")), want[1])
            b.press(ENTER)
            expect("taken, not yet searched", b.run("return [id.value, document.getElementById('id-list').hidden]"),
                   [want[1], True])
            b.press(ENTER)
            wait_for_hits(b, want[1], f"10 hits like {want[1]}")


def filters():
    rows = clusters()
    with Server() as s:
        store(s, rows)
        with page(s, refused=[400, 422]) as b:
            for given, marked, where in [
                    ('{"op": "eq", "field": "kind",}', "}", "line 1, column 30: "),
                    ('{"op": "exists",\n "field": kind, "op": "exists"}', "kind", "line 2, column 11: "),
                    ('{"op": "and", "filters": [\n {"op": "exists", "field": "kind"},\n {"op": "nor"}]}',
                     '"nor"', "line 3, column 9: "),
                    ('{"op": "in", "field": "å", "values": [1, {"a": "]"}]}', '{"a": "]"}', "line 1, column 42: "),
                    ('{"op": "not", "filter": {"op": "eq", "field": "kind"}}', '{"op": "eq", "field": "kind"}',
                     "line 1, column 25: "),
                    ('{"op": "eq"', "▏", "line 1, column 12: ")]:
                fill(b, "#filter", given)
                body = '{"filter":' + given + "}"
                said = s.post("/count", body.encode()).error
                b.wait("document.querySelector('#filter-error .said').textContent === arguments[0]", said)
                expect(f"where: {said}", (text(b, "#filter-error mark"),
                                          text(b, "#filter-error .where").startswith(where)), (marked, True))
            b.type("#id", rows[0]["id"])
            b.click("#go")
            b.wait("document.activeElement.id === 'filter'")
            expect("with a wrong filter nothing is searched", hit_ids(b), [])
            fill(b, "#filter", "")
            b.type("#filter", " ")
            b.wait("document.getElementById('filter-error').hidden")
            fill(b, "#filter", '{"op": "exists", "field": "kind"}, "k": 1')
            b.wait("document.querySelector('#filter-error .said').textContent === 'There is more than one JSON object.'")
            fill(b, "#filter", '{"op": "eq", "field": "kind", "value": "sea"}')
            b.wait("document.getElementById('filter-count').textContent === '100 match (33 %)'")
            expect("no error any more", b.run("return [document.getElementById('filter-error').hidden, filter.getAttribute('aria-invalid')]"),
                   [True, "false"])
            b.click("#go")
            sea = nearest(rows, rows[0]["vector"], 10, lambda m: m["kind"] == "sea")
            wait_for_hits(b, sea[0], f"10 hits like {rows[0]['id']}")
            expect("only what passes", hit_ids(b), sea)
            expect("the query's place, though it is no hit", b.run("return canvas.dataset.drawn"), "300 10 1")
            built(b, rows)


def built(b, rows):
    """A second condition by the builder, which searches again; then the first taken away."""
    def passes(m):
        return m["kind"] == "sea" and m["height"] >= 450
    fill(b, "#filter", '{"op": "eq", "field": "kind", "valu": "sea"}')
    b.wait("document.getElementById('filter-error').textContent.includes('valu')")
    expect("a value that is missing is not null", texts(b, "#filter-parts span"), ["kind = …"])
    fill(b, "#filter", '{"op": "eq", "field": "kind", "value": "sea"}')
    b.run("document.getElementById('build-field').value = 'height';"
          "document.getElementById('build-field').dispatchEvent(new Event('change'))")
    b.run("document.getElementById('build-op').value = 'gte'")
    b.type("#build-value", "much")
    b.click("#build-add")
    expect("no number", b.run("return document.getElementById('build-value').getAttribute('aria-invalid')"), "true")
    fill(b, "#build-value", "450")
    b.press(ENTER)
    high = nearest(rows, rows[0]["vector"], 10, passes)
    b.wait("document.querySelector('.hit-id').firstChild.data === arguments[0]", high[0])
    expect("narrowed", hit_ids(b), high)
    expect("as text", json.loads(b.run("return filter.value")), {"op": "and", "filters": [
        {"op": "eq", "field": "kind", "value": "sea"}, {"op": "gte", "field": "height", "value": 450}]})
    expect("as words", texts(b, "#filter-parts span"), ["kind = sea", "height ≥ 450"])
    expect("counted", text(b, "#filter-count").split()[0],
           str(sum(passes(row["metadata"]) for row in rows)))
    b.click("#filter-parts li button")
    tall = nearest(rows, rows[0]["vector"], 10, lambda m: m["height"] >= 450)
    b.wait("document.querySelector('.hit-id').firstChild.data === arguments[0]", tall[0])
    expect("widened", hit_ids(b), tall)
    b.click("#filter-parts li button")
    b.wait("document.querySelector('.hit-id').firstChild.data === arguments[0]", rows[0]["id"])
    expect("no filter", b.run("return [filter.value, document.getElementById('filter-count').textContent]"), ["", ""])
    # Searched at once, while the look at what was typed is still to come and /count is slow.
    b.run("const post = Server.post; Server.post = async (path, ...rest) => {"
          "  if (path === '/count') await new Promise((done) => setTimeout(done, 700));"
          "  return post(path, ...rest); };"
          "filter.value = JSON.stringify({op: 'eq', field: 'kind', value: 'hill'});"
          "filter.dispatchEvent(new Event('input')); document.getElementById('query').requestSubmit()")
    hill = nearest(rows, rows[0]["vector"], 10, lambda m: m["kind"] == "hill")
    b.wait("document.querySelector('.hit-id').firstChild.data === arguments[0]", hill[0], seconds=10)
    expect("typed and searched at once", hit_ids(b), hill)


def themes():
    with Server() as s:
        store(s, clusters())
        BROWSER.prefer("light")
        with page(s) as b:
            def look():
                return (b.run("return getComputedStyle(document.body).backgroundColor"),
                        sorted(colour for _, colour in legend(b).values()))
            def changed(before):
                b.wait("getComputedStyle(document.body).backgroundColor !== arguments[0] && "
                       "document.querySelector('#legend i').style.backgroundColor !== arguments[1]",
                       before[0], first_colour)
            light, first_colour = look(), b.run("return document.querySelector('#legend i').style.backgroundColor")
            b.prefer("dark")
            changed(light)
            dark, first_colour = look(), b.run("return document.querySelector('#legend i').style.backgroundColor")
            expect("dark when the system is", sum(map(int, dark[0][4:-1].split(", "))), lambda n: n < 100)
            expect("other colours of points", set(light[1]) & set(dark[1]), set())
            expect("which are drawn", [p["count"] > 300 for p in pixels(b, *dark[1])], [True] * 3)
            b.click("#theme")
            changed(dark)
            expect("switched", look(), light)
            expect("in the drawing too", pixels(b, *dark[1])[0]["count"], 0)
            b.open(f"http://{s.endpoint}/ui")
            b.wait("document.getElementById('canvas').dataset.drawn")
            expect("remembered", look(), light)
            b.prefer("light")
            b.click("#theme")
            b.wait("getComputedStyle(document.body).backgroundColor === arguments[0]", dark[0])
            b.run("localStorage.clear()")


def tokens():
    for name, token in [("full", FULL), ("read", READ)]:
        with open(name, "w", encoding="ascii") as file:
            file.write(token)
    bearer = {"Authorization": "Bearer " + FULL}
    with Server("--token-file", "full", "--read-token-file", "read") as s:
        store(s, clusters(), bearer)
        with page(s, refused=[403], ready=False) as b:
            def gone_in():
                b.wait("document.getElementById('canvas').dataset.drawn && "
                       "document.getElementById('gate').hidden && !document.getElementById('access').hidden")
            b.wait("!document.getElementById('gate').hidden && document.activeElement.id === 'token'")
            expect("state", text(b, "#state-text"), "Token needed")
            expect("nothing is shown", b.run("return document.getElementById('main').hidden"), True)
            b.type("#token", "short" + ENTER)
            b.wait("document.getElementById('gate-error').textContent === 'A token has 22 to 512 visible characters.'")
            for attempt in ("the-wrong-token-of-this-test", "another-wrong-token-of-this-test"):
                fill(b, "#token", attempt + ENTER)
                b.wait("document.getElementById('gate-error').textContent === 'The server does not know this token.'")
                expect("a wrong one is not kept", b.run("return sessionStorage.length"), 0)
            fill(b, "#token", READ + ENTER)
            gone_in()
            expect("read-only", text(b, "#access"), "Read-only token")
            b.type("#id", "sea/002" + ENTER)
            wait_for_hits(b, "sea/002", "10 hits like sea/002")
            expect("where it is kept", b.run("return [Object.values(sessionStorage), Object.values(localStorage), document.cookie]"),
                   [[READ], [], ""])
            b.open(f"http://{s.endpoint}/ui")
            gone_in()
            b.click("#access")
            b.wait("!document.getElementById('gate').hidden")
            expect("forgotten", b.run("return sessionStorage.length"), 0)
            b.type("#token", FULL + ENTER)
            gone_in()
            expect("full", text(b, "#access"), "Full token")
            expect("nothing is deleted by asking", s.post("/count", {}, headers=bearer).json(), {"count": 300})


HOSTILE = ['<img src=x onerror="window.hurt=1">', "<script>window.hurt=2</script>", "a/b?c#d%2F",
           "'\"><svg onload=window.hurt=3>", "\u202egnp.exe", "&lt;b&gt;", "{{hurt}}", "\\u0041", "x" * 1000, " "]


def hostile():
    chance = random.Random(3)
    rows = [{"id": name, "vector": [chance.gauss(0, 1) for _ in range(4)],
             "metadata": {name[:40]: name, "n": 9007199254740993, "kind": HOSTILE[i % 3], "list": [name, 1, None]}}
            for i, name in enumerate(HOSTILE)]
    with Server() as s:
        store(s, rows)
        with page(s) as b:
            elements = b.run("return document.querySelectorAll('img, script, iframe, svg').length")
            for row in rows:
                b.run("Search.likeId(arguments[0])", row["id"])
                wait_for_hits(b, row["id"], f"10 hits like {row['id']}")
                expect("as it is: " + row["id"][:20], hit_ids(b), nearest(rows, row["vector"], 10))
                place = b.run("return MapView.placeOf(MapView.hits()[0].x, MapView.hits()[0].y)")
                # not by the mouse: a point may lie under the buttons
                b.run("canvas.dispatchEvent(new PointerEvent('pointermove', {pointerType: 'mouse',"
                      " clientX: arguments[0], clientY: arguments[1]}))", *to_window(b, place))
                b.wait("document.querySelector('#tip b')?.textContent === arguments[0]", row["id"])
            expect("long numbers are not rounded", any("n9007199254740993" == t for t in texts(b, ".pairs span")), True)
            for name in HOSTILE[:2]:
                fill(b, "#id", name[:4])
                b.wait("[...document.querySelectorAll('#id-list li')].some((e) => e.textContent === arguments[0])", name)
                b.run("filter.value = JSON.stringify({op: 'eq', field: arguments[0], value: arguments[0]});"
                      "filter.dispatchEvent(new Event('input'))", name)
                b.wait("document.querySelector('#filter-parts span')?.textContent === `${arguments[0]} = ${arguments[0]}`", name)
                b.wait("document.getElementById('filter-count').textContent !== ''")
            b.run("colour.value = 'kind'; colour.dispatchEvent(new Event('change'))")
            expect("legend", sorted(legend(b)), sorted(HOSTILE[:3]))
            expect("nothing ran", b.run("return window.hurt ?? null"), None)
            expect("nothing became markup", b.run("return document.querySelectorAll('img, script, iframe, svg').length"), elements)
            expect("nor wide", b.run("return document.documentElement.scrollWidth <= innerWidth"), True)


def empty_and_away():
    with Server() as s:
        with page(s, ready=False, unreachable=True) as b:
            b.wait("document.querySelector('.start')")
            expect("empty", text(b, ".start h3"), "This database is empty")
            expect("how to begin", f"curl http://{s.endpoint}/vectors" in text(b, ".start pre"), True)
            b.click("#by label:nth-child(3)")
            b.type("#vector", "1 2 3")
            b.click("#go")
            b.wait("document.getElementById('results-empty').textContent === 'Nothing foundThe database is empty.'")
            store(s, clusters())
            b.wait("document.getElementById('canvas').dataset.drawn.startsWith('300 ')")
            expect("vectors appear by themselves", text(b, "#sample-note"), lambda t: t.startswith("All 300 "))
            s.stop()
            b.wait("document.getElementById('state-text').textContent === 'Unreachable'")
            expect("said", text(b, "#banner"), lambda t: t.startswith("The server does not answer."))
            b.click("#by label:nth-child(2)")
            b.type("#id", "sea/002")
            b.click("#go")
            b.wait("document.getElementById('query-error').textContent === 'The server does not answer.'")
            with Server(address=s.endpoint):
                b.wait("document.getElementById('state-text').textContent === 'Healthy'")
                expect("no banner", b.run("return document.getElementById('banner').hidden"), True)
                b.click("#go")
                wait_for_hits(b, "sea/002", "10 hits like sea/002")
                b.open("about:blank")
                # page() looks at this page's log once more
                b.open(f"http://{s.endpoint}/ui")


def widths():
    with Server() as s:
        store(s, clusters())
        with page(s) as b:
            b.run("Search.likeId('sea/002')")
            wait_for_hits(b, "sea/002", "10 hits like sea/002")
            for width in (320, 390, 600, 820, 1024, 1280, 1440, 1920):
                b.size(width, 800, mobile=width < 800)
                b.wait("innerWidth === arguments[0]", width)
                expect(f"{width}: nothing sticks out", b.run(
                    "return [...document.querySelectorAll('body *')].filter((e) => e.getClientRects().length &&"
                    " !e.closest('.hidden-label, .skip, svg, .cards') && (e.getBoundingClientRect().right > innerWidth + 1 ||"
                    " e.getBoundingClientRect().left < -1)).map((e) => e.outerHTML.slice(0, 80))"), [])
                expect(f"{width}: the map is there", b.run("return canvas.clientWidth > 200 && canvas.clientHeight > 200"), True)
                b.wait("canvas.width === canvas.clientWidth * devicePixelRatio || Math.abs(canvas.width - canvas.clientWidth * devicePixelRatio) < 1")
            b.size(390, 800, scale=2, mobile=True)
            b.wait("canvas.width > 1.9 * canvas.clientWidth")
            b.run("document.getElementById('stage').scrollIntoView({block: 'center', behavior: 'instant'})")
            place = to_window(b, b.run("return MapView.placeOf(MapView.points()[5].x, MapView.points()[5].y)"))
            b.command("Emulation.setTouchEmulationEnabled", enabled=True)
            b.point(*place, click=True, kind="touch")
            b.wait("!document.getElementById('tip').hidden")
            expect("a first tap tells", text(b, "#results-note"), "10 hits like sea/002")
            touched = text(b, "#tip b")
            b.point(*place, click=True, kind="touch")
            wait_for_hits(b, touched, f"10 hits like {touched}")
            b.command("Emulation.setTouchEmulationEnabled", enabled=False)
            b.command("Emulation.clearDeviceMetricsOverride")


def keyboard_and_names():
    with Server() as s:
        store(s, clusters())
        with page(s) as b:
            b.run("canvas.focus()")
            b.press(RIGHT)
            b.wait("!document.getElementById('tip').hidden")
            first = text(b, "#tip b")
            expect("a point, aloud", text(b, "#map-said").startswith(first + ", kind: "), True)
            b.press(RIGHT)
            b.wait("document.querySelector('#tip b').textContent !== arguments[0]", first)
            second = text(b, "#tip b")
            places = b.run("return arguments[0].map((id) => MapView.points().find((p) => p.id === id).x)", [first, second])
            expect("further right", places[1] > places[0], True)
            b.press(ENTER)
            wait_for_hits(b, second, f"10 hits like {second}")
            before = b.run("return MapView.placeOf(0, 0)")
            b.run("canvas.focus()")
            b.press("+")
            b.wait("MapView.placeOf(1, 0).x - MapView.placeOf(0, 0).x > 0")
            expect("zoomed", b.run("return MapView.placeOf(0, 0)") != before, True)
            b.press("0")
            expect("and back", b.run("return MapView.placeOf(0, 0)"), before)
            tree = b.command("Accessibility.getFullAXTree")["nodes"]
            roles = {"button", "textbox", "combobox", "radio", "listbox", "spinbutton", "application", "searchbox"}
            nameless = [node["role"]["value"] for node in tree
                        if not node["ignored"] and node["role"]["value"] in roles and not node["name"]["value"]]
            expect("every control has a name", nameless, [])
            expect("there are controls", sum(node["role"]["value"] in roles for node in tree), lambda n: n > 25)
            order = []
            b.run("document.querySelector('.skip').focus()")
            for _ in range(30):
                b.press("\ue004")
                order.append(b.run("return document.activeElement.id"))
            wanted = ["theme", "id", "k", "filter", "go", "colour", "canvas"]
            expect("Tab goes through in order", [name for name in order if name in wanted][:7], wanted)


def saved_graph():
    """A graph that is in the file and not loaded yet is told apart from none."""
    note, figure = "#card-index [data-note]", "#card-index [data-figure]"
    with Server() as s:
        store(s, clusters(3000))
        webdriver.wait_until(lambda: s.get("/stats").json()["graph_vectors"] >= 3000)
    with Server() as s, page(s) as b:
        expect("asleep", [text(b, figure), text(b, note)],
               ["–", "graph in the file: searches load it"])
        fill(b, "#id", "sea/002")
        b.click("#go")
        b.wait("document.querySelector(arguments[0]).textContent.includes('in the graph')", note)
        expect("awake", text(b, figure), "100 %")


def main():
    global BROWSER
    if not webdriver.is_installed():
        print("SKIPPED: chromium and chromedriver are not installed (tools/setup.sh --browser)")
        sys.exit(77)
    with webdriver.Browser() as BROWSER:
        run([figures_and_map, searches, completion, filters, themes, tokens, hostile,
             empty_and_away, widths, keyboard_and_names, saved_graph])


main()
