export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const key = "penstock-theme";

/** What was chosen last; `auto`, as the system has it, when nothing was. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(key);
  return themes.find((theme) => theme === stored) ?? "auto";
}

/** The page's colours follow `data-theme` of its root, see tokens.css. */
export function applyTheme(theme: Theme): void {
  localStorage.setItem(key, theme);
  document.documentElement.dataset["theme"] = theme;
  dispatchEvent(new Event("themechange"));
}
