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
    const children = new Map();
    for (const item of items) {
      const key = this.keyOf(item);
      const child = this.#children.get(key) ?? this.make(item);
      children.set(key, child);
      child.update(item, ...more);
    }
    for (const [key, child] of this.#children) if (!children.has(key)) child.element.remove();
    this.#children = children;
    [...children.values()].forEach(({ element }, index) => {
      const there = this.container.children[index];
      if (there !== element) this.container.insertBefore(element, there ?? null); // a move would take the focus away
    });
  }
}
