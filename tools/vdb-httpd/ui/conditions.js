/* Filters as values: their words, their text, and what a field can be asked. */
const Conditions = (() => {
  const SIGNS = {
    eq: '=', ne: '≠', lt: '<', lte: '≤', gt: '>', gte: '≥', prefix: 'begins with',
    contains: 'contains', exists: 'exists', missing: 'is missing',
  };
  const OPS = {
    number: ['eq', 'ne', 'gte', 'lte', 'gt', 'lt', 'exists', 'missing'],
    text: ['eq', 'ne', 'prefix', 'gte', 'lte', 'exists', 'missing'],
    flag: ['eq', 'ne', 'exists', 'missing'],
    list: ['contains', 'eq', 'ne', 'exists', 'missing'],
  };

  /* JSON on one line, numbers of any size as they are. */
  function print(value) {
    if (Array.isArray(value)) return `[${value.map(print).join(', ')}]`;
    if (value !== null && typeof value === 'object')
      return `{${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${print(inner)}`).join(', ')}}`;
    return typeof value === 'bigint' ? String(value) : JSON.stringify(value);
  }

  /* A filter's text: each operand of the outermost "and" or "or" on a line of its own. */
  function textOf(filter) {
    if (!['and', 'or'].includes(filter.op) || !Array.isArray(filter.filters)) return print(filter);
    return `{"op": "${filter.op}", "filters": [\n${filter.filters.map((inner) => `  ${print(inner)}`).join(',\n')}\n]}`;
  }

  function words(filter) {
    if (filter === null || typeof filter !== 'object') return print(filter);
    const {op, field} = filter;
    if (op === 'not' && filter.filter && filter.filter.op === 'exists') return `${filter.filter.field} ${SIGNS.missing}`;
    if (op === 'not') return `not (${words(filter.filter ?? null)})`;
    if (op === 'exists') return `${field} exists`;
    if (op === 'in') return `${field} in ${print(filter.values)}`;
    if (op === 'id_in') return `id in ${print(filter.ids)}`;
    if (Array.isArray(filter.filters)) return filter.filters.map(words).join(` ${op} `) || `${op} of nothing`;
    // what is not written (yet) is not null
    return `${field} ${SIGNS[op] || op} ${typeof filter.value === 'string' ? filter.value : filter.value === undefined ? '…' : print(filter.value)}`;
  }

  /* The operands of an outermost "and", or the filter alone. */
  const partsOf = (filter) => filter.op === 'and' && Array.isArray(filter.filters) ? filter.filters : [filter];

  function joined(parts) {
    return parts.length === 0 ? null : parts.length === 1 ? parts[0] : {op: 'and', filters: parts};
  }

  /* What was typed, as a value of the field's kind; undefined: it is none. */
  function valueOf(text, field) {
    const number = /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text.trim());
    const known = [...field.distinct.keys()].find((value) => String(value) === text);
    if (field.kind === 'number' || (field.kind !== 'text' && typeof known === 'number'))
      return !number ? undefined : /^-?\d+$/.test(text.trim()) && !Number.isSafeInteger(Number(text)) ? BigInt(text.trim()) : Number(text);
    if (field.kind === 'flag') return {true: true, false: false}[text.trim()];
    return known !== undefined ? known : text;
  }

  function make(op, field, value) {
    if (op === 'exists') return {op, field};
    if (op === 'missing') return {op: 'not', filter: {op: 'exists', field}};
    return {op, field, value};
  }

  return {
    SIGNS, textOf, words, partsOf, joined, valueOf, make,
    opsOf: (kind) => OPS[kind] || OPS.text,
    needsValue: (op) => op !== 'exists' && op !== 'missing',
  };
})();
