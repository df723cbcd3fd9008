'use strict';
/* Elements and figures.  Whatever comes from the database is put in as text, never as
   markup: make() has no way to do otherwise. */

const byId = (id) => document.getElementById(id);

/* make('li', {class: 'hit', onclick: f}, 'text', child): an element. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/* A text that is empty hides its element. */
function showText(element, text) {
  element.textContent = text || '';
  element.hidden = !text;
}

function later(milliseconds, act) {
  let timer = 0;
  const soon = (...args) => {
    soon.cancel();
    timer = setTimeout(act, milliseconds, ...args);
  };
  soon.cancel = () => clearTimeout(timer);
  return soon;
}

const Figures = {
  whole: (n) => Number(n).toLocaleString('en-GB'),

  /* 12,345 stays; a million becomes 1.23 M. */
  short(n) {
    if (n < 1e6) return Figures.whole(Math.round(n));
    const [size, unit] = n < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
    return `${(n / size).toPrecision(3)} ${unit}`;
  },

  bytes(n) {
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let at = 0;
    for (; n >= 1024 && at < units.length - 1; at++) n /= 1024;
    return `${at && n < 100 ? n.toPrecision(3) : Math.round(n)} ${units[at]}`;
  },

  microseconds(us) {
    if (us < 1000) return `${us < 10 ? us.toFixed(1) : Math.round(us)} µs`;
    if (us < 1e6) return `${(us / 1000).toPrecision(3)} ms`;
    return `${(us / 1e6).toPrecision(3)} s`;
  },

  share(part, whole) {
    const percent = whole ? 100 * part / whole : 0;
    return `${percent && percent < 0.1 ? percent.toPrecision(1) : percent.toFixed(percent < 10 ? 1 : 0)} %`;
  },

  distance(d) {
    if (d === 0) return '0';
    const size = Math.abs(d);
    return size >= 1e6 || size < 1e-4 ? d.toExponential(3) : String(Number(d.toPrecision(5)));
  },

  rate: (n) => n >= 100 ? Figures.whole(Math.round(n)) : n.toFixed(n && n < 10 ? 1 : 0),

  /* Any number of a metadata value. */
  plain: (n) => Number.isInteger(n) ? String(n) : String(Number(n.toPrecision(6))),
};
