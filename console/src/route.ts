/** Where in the console somebody is: the part of the address after #, such as `#/keys/ID?tab=x`. */

import { useEffect, useMemo, useState } from "preact/hooks";

export interface Place {
  page: string;
  id: string;
  query: URLSearchParams;
}

function read(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [page = "", ...rest] = path.split("/");
  return { page, id: decoded(rest.join("/")), query: new URLSearchParams(query) };
}

/** A part of the address as it was before it was encoded; what was typed by hand may be nothing of the kind. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function usePlace(): Place {
  const [hash, setHash] = useState(window.location.hash);
  useEffect(() => {
    const changed = (): void => setHash(window.location.hash);
    window.addEventListener("hashchange", changed);
    changed(); // It may have changed since the drawing that this follows.
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return useMemo(() => read(hash), [hash]);
}

export function go(path: string): void {
  window.location.hash = `/${path}`;
}

/** Go to another view of a page, such as one of another period: the way back leads to what was before the page. */
export function show(path: string): void {
  window.location.replace(`#/${path}`);
}

/** What goes to a page once something is done that begins now, unless somebody has gone elsewhere meanwhile. */
export function goLater(path: string): () => void {
  const from = window.location.hash;
  return () => {
    if (window.location.hash === from) go(path);
  };
}

/** Where the address names no page, go to this one. An address that has changed since the last drawing stays. */
export function beginAt(page: string): void {
  if (!read(window.location.hash).page) show(page);
}

export const link = (page: string, id = ""): string => `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}`;

/** Whether a place is this one or a part of it. */
export const isWithin = (place: string, whole: string): boolean =>
  place === whole || place.startsWith(`${whole}?`) || place.startsWith(`${whole}/`);
