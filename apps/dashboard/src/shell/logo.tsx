/** A pipe with its gate, and a drop that arrives. */
export function Logo() {
  return (
    <span className="logo">
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="7" className="logo-ground" />
        <path d="M7 8h8.5c4.2 0 7.5 2.9 7.5 6.7s-3.3 6.8-7.5 6.800H13" className="logo-pipe" />
        <path d="M7 14.5h8" className="logo-flow" />
        <circle cx="9" cy="24" r="2.6" className="logo-drop" />
      </svg>
      Penstock
    </span>
  );
}
