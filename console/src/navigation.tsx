/** The way to the other pages: at the side, or behind a button where there is no room. Pages that the key may not see are absent. */
import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";

import { signOut } from "./api/session.ts";
import { Button } from "./components/button.tsx";
import { explain } from "./components/failure.tsx";
import { SelectField } from "./components/field.tsx";
import { PAGES, type PageEntry } from "./pages.ts";
import { useSession } from "./session-context.ts";
import { chooseTheme, THEMES, useTheme } from "./theme.ts";
import { Wordmark } from "./wordmark.tsx";

export function Navigation() {
  const [isOpen, setIsOpen] = useState(false);
  const [location] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: closes when the page changes
  useEffect(() => setIsOpen(false), [location]);
  return (
    <header className="border-b border-line bg-side lg:border-r lg:border-b-0">
      <div className="lg:sticky lg:top-0 lg:flex lg:h-dvh lg:flex-col lg:overflow-y-auto">
        <div className="flex items-center justify-between px-4 py-2 sm:px-6 lg:px-5 lg:pt-5 lg:pb-4">
          <Link href="/" aria-label="Waypost, overview" className="rounded-1 py-2">
            <Wordmark />
          </Link>
          <Button
            className="lg:hidden"
            aria-expanded={isOpen}
            aria-controls="navigation"
            onClick={() => setIsOpen(!isOpen)}
          >
            {isOpen ? "Close" : "Menu"}
          </Button>
        </div>
        <div
          id="navigation"
          className={`px-2 pb-4 sm:px-4 lg:flex lg:grow lg:flex-col lg:justify-between lg:px-3 ${isOpen ? "" : "hidden"}`}
        >
          <Links />
          <SignedIn />
        </div>
      </div>
    </header>
  );
}

function Links() {
  const { grants } = useSession();
  const isSeen = (page: PageEntry) =>
    page.grants.length === 0 || page.grants.some((grant) => grants.includes(grant));
  const groups = (["work", "account"] as const).map((group) =>
    PAGES.filter((page) => page.group === group && isSeen(page)),
  );
  return (
    <nav aria-label="Pages">
      {groups
        .filter((group) => group.length > 0)
        .map((group) => (
          <ul key={group[0]?.path} className="mb-3 border-line not-first:border-t not-first:pt-3">
            {group.map(({ path, name }) => (
              <li key={path}>
                <PageLink path={path} name={name ?? ""} />
              </li>
            ))}
          </ul>
        ))}
    </nav>
  );
}

function PageLink({ path, name }: { readonly path: string; readonly name: string }) {
  const [location] = useLocation();
  const isHere = path === "/" ? location === "/" : location === path || location.startsWith(`${path}/`);
  return (
    <Link
      href={path}
      aria-current={isHere ? "page" : undefined}
      className="block rounded-1 px-2 py-1.5 text-ink hover:bg-hover aria-[current]:bg-tint aria-[current]:font-semibold aria-[current]:text-accent max-lg:py-2.5"
    >
      {name}
    </Link>
  );
}

function SignedIn() {
  const session = useSession();
  const theme = useTheme();
  // The whole document again: nothing that the key could see stays in memory.
  const out = useMutation({ mutationFn: signOut, onSuccess: () => location.replace("/") });
  const owner = session.subaccount_name ?? (session.subaccount_id && `Subaccount ${session.subaccount_id}`);
  return (
    <div className="border-t border-line px-2 pt-3">
      <p className="text-meta text-soft">Signed in with the key</p>
      <p className="truncate font-medium" title={session.key_label}>
        {session.key_label}
      </p>
      {owner && <p className="truncate text-soft">{owner}</p>}
      <div className="mt-2 grid gap-2">
        <SelectField
          label="Theme"
          beside
          value={theme}
          onChange={(event) => chooseTheme(THEMES.find((one) => one === event.target.value) ?? "system")}
          choices={[
            { value: "system", label: "System" },
            { value: "light", label: "Light" },
            { value: "dark", label: "Dark" },
          ]}
        />
        <Button onClick={() => out.mutate()} busy={out.isPending ? "Signing out …" : undefined}>
          Sign out
        </Button>
        {out.isError && (
          <p role="alert" className="text-bad">
            You are still signed in. {explain(out.error)}
          </p>
        )}
      </div>
      <p className="mt-3 flex flex-wrap gap-x-3 text-meta text-soft">
        <span>Waypost {session.version}</span>
        <a href="/docs" className="link">
          API reference
        </a>
      </p>
    </div>
  );
}
