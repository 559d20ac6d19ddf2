import { Link } from "wouter";

/** Parts of a page of which one is shown; each has an address of its own. */
export function Tabs({
  label,
  items,
  current,
}: {
  label: string;
  items: [name: string, href: string][];
  current: string;
}) {
  return (
    <nav className="tabs" aria-label={label}>
      {items.map(([name, href]) => (
        <Link key={name} href={href} aria-current={name === current ? "page" : undefined}>
          {name}
        </Link>
      ))}
    </nav>
  );
}
