// A client of vdb-httpd by fetch, for Node 18 and later, and for pages whose origin the
// server allows (--allow-origin).
//
//     node examples/http/client.mjs [URL]

class Vdb {
  constructor(url = 'http://127.0.0.1:3000', token = undefined) {
    this.url = url.replace(/\/$/, '');
    this.token = token;
  }

  async call(method, path, body) {
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const answer = await fetch(this.url + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(`${answer.status}: ${told.error}`);
    return told;
  }

  insert(id, vector, metadata = null) {
    return this.call('POST', '/vectors', { id, vector: Array.from(vector), metadata });
  }

  search(vector, options = {}) {
    return this.call('POST', '/search', { vector: Array.from(vector), ...options });
  }

  get(id) {
    return this.call('GET', `/vectors/${encodeURIComponent(id)}`);
  }

  delete(id) {
    return this.call('DELETE', `/vectors/${encodeURIComponent(id)}`);
  }
}

const db = new Vdb(process.argv[2], process.env.TOKEN);
await db.insert('tea/green', [1, 2, 3], { kind: 'drink' });
await db.insert('bread', new Float32Array([3, 2, 1]), { kind: 'food' });
for (const hit of await db.search([1, 2, 2], { k: 2, with_metadata: true }))
  console.log(hit.id, hit.distance.toFixed(4), hit.metadata);
console.log(await db.get('tea/green'));
await db.delete('tea/green');
await db.delete('bread');
