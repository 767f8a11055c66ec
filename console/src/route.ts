/** Where in the console somebody is: the part of the address after #, such as `#/keys/ID?tab=x`. */

import { useEffect, useState } from "preact/hooks";

export interface Place {
  page: string;
  id: string;
  query: URLSearchParams;
}

function read(): Place {
  const [path = "", query = ""] = window.location.hash.replace(/^#\/?/, "").split("?", 2);
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
  const [place, setPlace] = useState(read);
  useEffect(() => {
    const changed = (): void => setPlace(read());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  return place;
}

export function go(path: string): void {
  window.location.hash = `/${path}`;
}

/** Go to another view of a page, such as one of another period: the way back leads to what was before the page. */
export function show(path: string): void {
  window.location.replace(`#/${path}`);
}

export const link = (page: string, id = ""): string => `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}`;
