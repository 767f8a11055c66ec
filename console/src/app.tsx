/** The frame: sign-in, the pages and their menu. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { whenSignedOut } from "./api";
import { forgetDrafts, useUnsaved } from "./draft";
import { setGatewayKey } from "./gateway";
import { lookAgain, setPaused, useAction } from "./load";
import { Audit } from "./pages/audit";
import { Configs } from "./pages/configs";
import { Health } from "./pages/health";
import { Keys } from "./pages/keys";
import { Limits } from "./pages/limits";
import { Me } from "./pages/me";
import { Overview } from "./pages/overview";
import { Playground } from "./pages/playground";
import { Providers } from "./pages/providers";
import { Requests } from "./pages/requests";
import { SignIn } from "./pages/sign_in";
import { beginAt, isWithin, link, usePlace, type Place } from "./route";
import { identity, keyOfLink, may, mayKeys, resume, type Session, signInByLink, signOut } from "./session";
import { Button, Confirm, firmly, Unsaved } from "./ui";

interface Entry {
  page: string;
  name: string;
  view: (place: Place) => JSX.Element;
  /** Whether the key behind the session may see it. */
  visible: () => boolean;
}

const PAGES: Entry[] = [
  { page: "overview", name: "Overview", view: (place) => <Overview place={place} />, visible: () => may("analytics.view") },
  { page: "requests", name: "Requests", view: (place) => <Requests place={place} />, visible: () => may("logs.list") },
  { page: "keys", name: "Keys", view: (place) => <Keys id={place.id} />, visible: () => mayKeys("list") },
  { page: "providers", name: "Providers", view: (place) => <Providers id={place.id} />, visible: () => may("providers.list") },
  { page: "configs", name: "Configs", view: (place) => <Configs id={place.id} />, visible: () => may("configs.list") },
  { page: "limits", name: "Limits", view: () => <Limits />, visible: () => may("policies.list", "analytics.view") },
  {
    page: "playground",
    name: "Playground",
    view: (place) => <Playground model={place.query.get("model") ?? ""} />,
    visible: () => true,
  },
  { page: "health", name: "Health", view: () => <Health />, visible: () => may("analytics.view") },
  {
    page: "audit",
    name: "Audit",
    view: () => <Audit />,
    visible: () => may("audit_logs.list"),
  },
];

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

export function App(): JSX.Element | null {
  const [session, setSession] = useState<Session | null>();
  // A session that ended by itself: its page waits behind the sign-in, with what was typed there.
  const [isOver, setOver] = useState(false);
  const [notice, setNotice] = useState("");
  const [holder, setHolder] = useState("");
  // Calls that were under way at a sign-out are refused after it: the session was ended, it did not end.
  const isLeaving = useRef(false);
  // Whose gateway key may be in this tab.
  const whose = useRef("");
  const begun = (session: Session | null): void => {
    isLeaving.current = false;
    if (identity(session) !== whose.current) {
      setGatewayKey("");
      forgetDrafts();
    }
    whose.current = identity(session);
    setNotice("");
    setOver(false);
    setSession(session);
    setPaused(false);
    if (session) lookAgain();
  };
  useEffect(() => {
    whenSignedOut(() => {
      if (isLeaving.current) return;
      setPaused(true);
      setNotice("The session has ended.");
      setOver(true);
    });
    const begin = (key: string): void => {
      (key ? signInByLink(key) : resume()).then(begun, () => {
        setNotice(key ? "This link has ended, or is none that the gateway told: its last start has told another one." : "");
        setSession(null);
      });
    };
    begin(keyOfLink());
    // A link that is opened where the console is open already loads nothing.
    const opened = (): void => {
      const key = keyOfLink();
      if (key) begin(key);
    };
    window.addEventListener("hashchange", opened);
    return () => window.removeEventListener("hashchange", opened);
  }, []);
  if (session === undefined) return null;
  if (session === null && holder) return <Me apiKey={holder} onLeave={() => setHolder("")} />;
  const signIn = (
    <SignIn
      notice={notice}
      onHolder={(key) => {
        begun(null);
        setHolder(key);
      }}
      onSignedIn={begun}
    />
  );
  if (session === null) return signIn;
  return (
    <>
      <Frame
        key={identity(session)}
        session={session}
        onSignOut={() => {
          isLeaving.current = true;
          void signOut().finally(() => {
            begun(null);
            isLeaving.current = true;
            setNotice("You are signed out.");
          });
        }}
      />
      {isOver && <Cover>{signIn}</Cover>}
    </>
  );
}

/** What stands before a whole page, also before its open dialogs: nothing of the page is seen or reached. */
function Cover(props: { children: ComponentChildren }): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={element} class="cover" aria-label="Sign in" {...firmly}>
      {props.children}
    </dialog>
  );
}

function Frame(props: { session: Session; onSignOut: () => void }): JSX.Element {
  const place = usePlace();
  const pages = PAGES.filter((entry) => entry.visible());
  const current = pages.find((entry) => entry.page === place.page) ?? pages[0];
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const [isOpen, setOpen] = useState(false);
  const [isLeaving, setLeaving] = useState(false);
  const unsaved = useUnsaved();
  useEffect(() => {
    setOpen(false);
    // An address without a page leads to the first one: nobody has gone anywhere yet.
    if (isFirst.current) isFirst.current = !place.page;
    else main.current?.querySelector("h1")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [place.page, place.id]);
  useEffect(() => {
    if (!place.page && current) beginAt(current.page);
  }, [place.page]);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>
        Skip to content
      </a>
      <header class="side">
        <a class="brand" href={link(pages[0]?.page ?? "")}>
          <img src="./icon.svg" alt="" width="22" height="22" /> Penstock
        </a>
        <Button class="menu-button" aria-expanded={isOpen} aria-controls="menu" onClick={() => setOpen(!isOpen)}>
          Menu
        </Button>
        <nav id="menu" aria-label="Pages" class={isOpen ? "open" : ""}>
          <ul>
            {pages.map((entry) => (
              <li key={entry.page}>
                <a href={link(entry.page)} {...(entry === current ? { "aria-current": "page" as const } : {})}>
                  {entry.name}
                  <Unsaved of={link(entry.page)} />
                </a>
              </li>
            ))}
          </ul>
          <div class="who">
            <p title={props.session.scopes.join(", ")}>
              {props.session.kind === "environment" ? "Administrator" : props.session.name}
              <br />
              <span class="hint">
                {props.session.workspace_id ? "one workspace" : "all workspaces"}
                {may("*") ? "" : ", limited"}
              </span>
            </p>
            <ThemeChoice />
            <Button onClick={() => (unsaved.length > 0 ? setLeaving(true) : props.onSignOut())}>Sign out</Button>
            <p class="hint">Penstock {props.session.version}</p>
          </div>
        </nav>
      </header>
      {isLeaving && <SignOut unsaved={unsaved} onClose={() => setLeaving(false)} onSignOut={props.onSignOut} />}
      <main id="main" ref={main} tabIndex={-1}>
        {current ? current.view(place) : <p>This key may look at no page of the console.</p>}
      </main>
    </div>
  );
}

function SignOut(props: { unsaved: string[]; onClose: () => void; onSignOut: () => void }): JSX.Element {
  const action = useAction();
  const pages = PAGES.filter(({ page }) => props.unsaved.some((place) => isWithin(place, link(page)))).map((entry) => entry.name);
  return (
    <Confirm
      title="Sign out?"
      text={`What you typed in ${pages.join(", ")} is not saved, and is lost.`}
      submit="Sign out"
      action={action}
      onClose={props.onClose}
      onConfirm={props.onSignOut}
    />
  );
}

function ThemeChoice(): JSX.Element {
  const [theme, setTheme] = useState<Theme>(() => {
    const kept = localStorage.getItem("penstock-theme");
    return THEMES.find((each) => each === kept) ?? "auto";
  });
  useEffect(() => {
    localStorage.setItem("penstock-theme", theme);
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  }, [theme]);
  return (
    <label class="theme">
      Theme{" "}
      <select value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
      </select>
    </label>
  );
}
