/** Who is signed in, and what the key behind the session may do. */

import { api, setCsrfToken } from "./api";

export interface Session {
  csrf_token: string;
  expires_at: string;
  /** Of the key behind the session: names are nobody's own. */
  id: string;
  name: string;
  kind: string;
  scopes: string[];
  workspace_id: string | null;
  version: string;
  /** Models are called on this port, too. */
  has_gateway: boolean;
  /** The gateway has a key that encrypts credentials. */
  keeps_secrets: boolean;
}

let current: Session | null = null;

function begin(session: Session): Session {
  current = session;
  setCsrfToken(session.csrf_token);
  return session;
}

/** Says that this browser may have the cookie, which no script can see: without it the gateway is not asked. */
const MARK = "penstock-signed-in";

/** The session of the browser's cookie; null without one. */
export async function resume(): Promise<Session | null> {
  if (localStorage.getItem(MARK) === null) return null;
  try {
    return begin(await api<Session>("GET", "/penstock/session"));
  } catch (error) {
    localStorage.removeItem(MARK);
    throw error;
  }
}

export async function signIn(key: string): Promise<Session> {
  const begun = begin(await api<Session>("POST", "/penstock/session", undefined, key));
  localStorage.setItem(MARK, "1");
  return begun;
}

const LINK = /^#sign-in=(.+)$/;

/** The key of the link that a start prints for a gateway without keys; it leaves the address. Empty without one. */
export function keyOfLink(): string {
  const key = LINK.exec(window.location.hash)?.[1] ?? "";
  if (key) window.history.replaceState(null, "", window.location.pathname);
  return key;
}

/**
 * Signs in with the key of a link. A link may come from anybody: a session that lives stays, and a key that no start
 * has printed is turned away, or who opens the link would work in the name of its author.
 */
export async function signInByLink(key: string): Promise<Session> {
  const live = await resume().catch(() => null);
  if (live) return live;
  const begun = await signIn(key);
  if (begun.kind !== "environment") {
    await signOut();
    throw new Error("the key of the link is none of a start");
  }
  return begun;
}

export async function signOut(): Promise<void> {
  localStorage.removeItem(MARK);
  await api("DELETE", "/penstock/session");
}

/** Who is signed in, and what for: what is typed, given or shown to one is not for another. */
export const identity = (session: Session | null): string =>
  session === null ? "" : JSON.stringify([session.kind, session.id, session.workspace_id, session.scopes]);

export function session(): Session {
  if (current === null) throw new Error("nobody is signed in");
  return current;
}

/** Whether the key behind the session holds at least one of some scopes. */
export function may(...scopes: string[]): boolean {
  const held = current?.scopes ?? [];
  return held.includes("*") || scopes.some((scope) => held.includes(scope));
}

export const KEY_KINDS = ["workspace-service", "workspace-user", "organisation-service"] as const;
export type KeyKind = (typeof KEY_KINDS)[number];

export const keyScope = (kind: string, verb: string): string => `${kind.replace("-", "_")}_api_keys.${verb}`;
export const mayKeys = (verb: string, kind?: string): boolean =>
  may(...(kind === undefined ? KEY_KINDS.map((each) => keyScope(each, verb)) : [keyScope(kind, verb)]));
