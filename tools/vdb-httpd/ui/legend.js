/* The legend under the map.  A category is a switch: pressed, the others fade. */
const Legend = (() => {
  let pressed = null;

  function press(group) {
    pressed = pressed === group ? null : group;
    byId('legend').querySelectorAll('button').forEach((button) =>
      button.setAttribute('aria-pressed', String(Number(button.dataset.group) === pressed)));
    MapView.setGroup(pressed);
  }

  function categories(colouring) {
    return colouring.groups.map((group, i) => {
      const swatch = make('i');
      swatch.style.background = group.colour;
      return group.count === 0 ? null : make('button',
        {type: 'button', 'aria-pressed': 'false', 'data-group': i, title: group.label, onclick: () => press(i)},
        swatch, make('span', {}, group.label), make('small', {}, Figures.whole(group.count)));
    }).filter(Boolean);
  }

  function scale(colouring) {
    const bar = make('i');
    bar.style.background = colouring.gradient;
    return make('div', {class: 'scale'}, Figures.plain(colouring.low), bar, Figures.plain(colouring.high));
  }

  function show(colouring) {
    pressed = null;
    byId('legend').replaceChildren(...(colouring.kind === 'category' ? categories(colouring)
      : colouring.kind === 'number' ? [scale(colouring)] : []));
  }

  return {show};
})();
