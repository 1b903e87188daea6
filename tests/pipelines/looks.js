// What the tests of the page ask of a browser. Each returns what is wrong, or what is there.
({
  // Texts without the contrast that normal sight needs: WCAG 2.2, 1.4.3, level AA. Large is 24 px, or bold from 18.66 px.
  faint() {
    const parse = (said) => {
      const [r, g, b, a = 1] = said.match(/[\d.]+/g).map(Number);
      return [r, g, b, a];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => part * a + below[at] * (1 - a));
    const ground = (element) => {
      const layers = [];
      for (let one = element; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
      return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const light = (rgb) => {
      const [r, g, b] = rgb.map((part) => linear(part / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const found = new Set();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const element = walk.currentNode.parentElement;
      if (!walk.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
      if (element.closest("title, .sr, style")) continue;
      const style = getComputedStyle(element);
      const below = ground(element);
      const ink = over(parse(element.closest("svg") ? style.fill : style.color), below);
      const [high, low] = [light(ink), light(below)].sort((a, b) => b - a);
      const size = parseFloat(style.fontSize);
      const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < enough) found.add(`${ratio.toFixed(2)}: ${element.outerHTML.slice(0, 100)}`);
    }
    return [...found];
  },

  // Pictures, controls and regions without a word for who cannot see them.
  mute() {
    const all = (selector, test) => [...document.querySelectorAll(selector)].filter(test);
    const found = [
      ...all("img", (one) => !one.alt),
      ...all("svg", (one) => !one.closest("[aria-hidden=true], [role=img][aria-label]")),
      ...all("input", (one) => !one.labels.length),
      ...all("[role=region]", (one) => !one.ariaLabel),
    ];
    return found.map((one) => one.outerHTML.slice(0, 100));
  },

  headings() {
    return [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((one) => Number(one.tagName[1]));
  },

  // What makes the page wider than the screen; tables that are too wide move within their own frame.
  wide() {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    const beyond = (one) => !one.closest(".scroll, table") && one.getBoundingClientRect().right > innerWidth + 1;
    const found = [...document.querySelectorAll("body *")].filter(beyond);
    return ["the page", ...found.slice(0, 3).map((one) => one.outerHTML.slice(0, 100))];
  },

  maps() {
    return [...document.querySelectorAll(".map")].filter((one) => one.checkVisibility()).map((one) => one.className);
  },

  openAll() {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
  },
})
