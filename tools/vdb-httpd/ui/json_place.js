/* Where in a JSON text something stands: the server names places by byte or by path. */
const JsonPlace = (() => {
  const BLANK = /\s*/y;
  const ATOM = /"(?:[^"\\]|\\.)*"|[^\s,\]}]+/y; // a string, or a number or word

  function after(pattern, text, at) {
    pattern.lastIndex = at;
    return pattern.test(text) ? pattern.lastIndex : at;
  }

  const skipBlank = (text, at) => after(BLANK, text, at);

  function skipValue(text, at) {
    let depth = 0;
    do {
      if ('{['.includes(text[at])) depth++;
      if ('}]'.includes(text[at])) depth--;
      at = '{[]},:'.includes(text[at]) ? at + 1 : Math.max(after(ATOM, text, at), at + 1);
      if (depth) at = skipBlank(text, at);
    } while (depth > 0 && at < text.length);
    return at;
  }

  /* The places of the members or elements of what begins at `at`: [name, begin] each. */
  function* inside(text, at) {
    const object = text[at] === '{';
    if (!object && text[at] !== '[') return;
    at = skipBlank(text, at + 1);
    for (let i = 0; at < text.length && !'}]'.includes(text[at]); i++) {
      let name = i;
      if (object) {
        const end = after(ATOM, text, at);
        name = JSON.parse(text.slice(at, end));
        at = skipBlank(text, skipBlank(text, end) + 1); // behind the colon
      }
      yield [name, at];
      at = skipBlank(text, skipValue(text, at));
      if (text[at] === ',') at = skipBlank(text, at + 1);
    }
  }

  /* [begin, end] of what a path such as ['filters', 2, 'value'] names in a valid text; of
     the innermost thing on the way that is there. */
  function ofPath(text, path) {
    let at = skipBlank(text, 0);
    for (const step of path) {
      const found = [...inside(text, at)].find(([name]) => name === step);
      if (!found) break;
      at = found[1];
    }
    return [at, skipValue(text, at)];
  }

  /* A count of bytes of UTF-8 as one of UTF-16 units, which strings have. */
  function ofByte(text, bytes) {
    const all = new TextEncoder().encode(text);
    return new TextDecoder().decode(all.subarray(0, Math.max(0, bytes))).length;
  }

  /* "line 2, column 5" */
  function words(text, at) {
    const lines = text.slice(0, at).split('\n');
    return `line ${lines.length}, column ${lines[lines.length - 1].length + 1}`;
  }

  return {ofPath, ofByte, words};
})();
