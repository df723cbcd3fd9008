/* Requests to the server this page came from, and the token they carry.  The token stays in
   sessionStorage: it ends with the tab. */
const Server = (() => {
  const KEY = 'vdb-token';
  const TOKEN = /^[\x21-\x7e]{22,512}$/;
  let token = sessionStorage.getItem(KEY) || '';

  /* An error: `status` is HTTP's, or 0 when no answer came; `message` is the server's own. */
  class Problem extends Error {
    constructor(status, message) {
      super(message);
      this.status = status;
    }
  }

  /* JSON.parse rounds whole numbers beyond 2^53: metadata must not be shown rounded. */
  function parse(text) {
    if (!/\d{16}/.test(text)) return JSON.parse(text);
    return JSON.parse(text, (key, value, context) =>
      typeof value === 'number' && !Number.isSafeInteger(value) && context &&
      /^-?\d+$/.test(context.source) ? BigInt(context.source) : value);
  }

  /* `body`: text, or what becomes JSON. */
  async function ask(method, path, body, {signal, withToken = true} = {}) {
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (token && withToken) headers.Authorization = `Bearer ${token}`;
    let answer, text;
    try {
      answer = await fetch(path, {
        method, headers, signal, cache: 'no-store', credentials: 'omit',
        body: typeof body === 'object' ? JSON.stringify(body) : body,
      });
      text = await answer.text();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new Problem(0, 'The server does not answer.');
    }
    let value;
    try {
      value = parse(text);
    } catch {
      throw new Problem(answer.status, `${answer.status} ${answer.statusText}: no JSON`);
    }
    if (!answer.ok) throw Object.assign(new Problem(answer.status, value.error || answer.statusText), {value});
    return value;
  }

  /* 'open': no token is needed; 'read' and 'full': what the token allows. */
  async function access() {
    const without = await ask('GET', '/health', undefined, {withToken: false});
    if ('vector_count' in without) return 'open';
    try {
      await ask('POST', '/vectors/delete', {ids: []}); // deletes nothing
      return 'full';
    } catch (problem) {
      if (problem.status === 403) return 'read';
      throw problem;
    }
  }

  return {
    Problem,
    ask,
    access,
    parse,
    get: (path, options) => ask('GET', path, undefined, options),
    post: (path, body, options) => ask('POST', path, body, options),
    mayBeToken: (text) => TOKEN.test(text),
    hasToken: () => token !== '',
    setToken(text) {
      token = text;
      if (text) sessionStorage.setItem(KEY, text);
      else sessionStorage.removeItem(KEY);
    },
  };
})();
