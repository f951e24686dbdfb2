// What the page takes over from the Airflow page around it: light or dark, colours, font, time zone.

const TOKENS = {
  "--page": "--chakra-colors-bg",
  "--text": "--chakra-colors-fg",
  "--faint": "--chakra-colors-fg-muted",
  "--line": "--chakra-colors-border",
  "--raised": "--chakra-colors-bg-subtle",
  "--sunken": "--chakra-colors-bg-muted",
};

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

/** Look like Airflow, also when the user changes that; outside of Airflow like the rest of the system. */
export function followTheme() {
  const host = window.parent === window ? null : window.parent.document.documentElement;
  const apply = () => {
    const dark = host ? host.classList.contains("dark") : prefersDark.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (host) takeOver(getComputedStyle(host));
  };
  prefersDark.addEventListener("change", apply);
  if (host) new MutationObserver(apply).observe(host, { attributeFilter: ["class", "style"] });
  apply();
}

function takeOver(theirs) {
  for (const [own, name] of Object.entries(TOKENS)) {
    const value = theirs.getPropertyValue(name).trim();
    if (value) document.documentElement.style.setProperty(own, value);
  }
}

/** The time zone that the user has chosen in Airflow, else the browser's. */
export function timeZone() {
  try {
    const zone = JSON.parse(localStorage.getItem("timezone"));
    new Intl.DateTimeFormat("en", { timeZone: zone ?? undefined });
    return zone ?? undefined;
  } catch {
    return undefined;
  }
}
