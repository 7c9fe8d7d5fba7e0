// What is wrong with the page that is shown, as a list of sentences: what does not fit its width, what is
// too small to touch, and what is too pale to read (WCAG 2.2, 1.4.3, 1.4.11 and 2.5.5).
const faults = [];
const TOUCH = 44, TEXT = 4.5, EDGE = 3;

const parse = (color) => {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return { rgb: [red, green, blue], alpha };
};
const over = (above, below) => above.rgb.map((value, at) => value * above.alpha + below[at] * (1 - above.alpha));
// What is behind an element: its own background and its ancestors', down to the first that hides the rest.
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const layer = parse(getComputedStyle(one).backgroundColor);
    layers.push(layer);
    if (layer.alpha === 1) break;
  }
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const luminance = (rgb) => {
  const [red, green, blue] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
};
const name = (element) => `${element.tagName.toLowerCase()} "${(element.textContent || element.id).trim().slice(0, 30)}"`;
// The link past the head of the page lies beside the page until it has the focus.
const shown = (element) => {
  const box = element.getBoundingClientRect();
  return box.width > 0 && box.height > 0 && box.right > 0;
};

const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) faults.push(`the page is ${document.documentElement.scrollWidth} wide, in ${width}`);
for (const element of document.querySelectorAll("body *")) {
  const box = element.getBoundingClientRect();
  if (!shown(element)) continue;
  if (box.right > width + 0.5 || box.left < -0.5) faults.push(`${name(element)} leaves the page`);
  if (element.matches("a, button, input") && Math.min(box.width, box.height) < TOUCH) {
    faults.push(`${name(element)} is ${box.width} x ${box.height}, too small to touch`);
  }
  const style = getComputedStyle(element);
  const has_text = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (has_text || element.matches("input")) {
    const below = behind(element), text = contrast(over(parse(style.color), below), below);
    if (text < TEXT) faults.push(`${name(element)} has a contrast of ${text.toFixed(2)}`);
  }
  if (element.matches("input")) {
    const edge = contrast(over(parse(style.borderTopColor), behind(element.parentElement)), behind(element.parentElement));
    if (edge < EDGE) faults.push(`the edge of ${name(element)} has a contrast of ${edge.toFixed(2)}`);
  }
}
return faults;
