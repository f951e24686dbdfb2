// Making elements, and changing them in place. Values only ever become text or attributes, never HTML.

/** Make an element. Children are elements or texts; null ones are left out. */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) setAttribute(element, attribute, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute; null removes it. */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Let a container hold one child per item, in their order, reusing the children it has.
 *
 * @param make makes the child of an item, once per key: {element, update(item, …)}.
 */
export class Keyed {
  #children = new Map();

  constructor(container, keyOf, make) {
    this.container = container;
    this.keyOf = keyOf;
    this.make = make;
  }

  show(items, ...more) {
    const before = this.#children;
    this.#children = new Map();
    items.forEach((item, index) => {
      const key = this.keyOf(item);
      const child = before.get(key) ?? this.make(item);
      before.delete(key);
      this.#children.set(key, child);
      child.update(item, ...more);
      const there = this.container.children[index];
      if (there !== child.element) this.container.insertBefore(child.element, there ?? null);
    });
    for (const child of before.values()) child.element.remove();
  }
}
