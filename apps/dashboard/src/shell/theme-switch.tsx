import { useState } from "react";
import { applyTheme, storedTheme, type Theme, themes } from "./theme.ts";

const words: Record<Theme, [sign: string, word: string]> = {
  auto: ["◐", "as the system has it"],
  light: ["☀", "light"],
  dark: ["☾", "dark"],
};

/** Goes through the themes; says which one is on. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState(storedTheme);
  const [sign, word] = words[theme];
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? "auto";
  const change = () => {
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      className="plain"
      onClick={change}
      title={`Colours: ${word}`}
      aria-label={`Colours: ${word}; change`}
    >
      <span aria-hidden="true">{sign}</span>
    </button>
  );
}
